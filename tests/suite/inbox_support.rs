//! The union, played by a test, sends to an employer's app. The relay in between ([`super::inbox_relay`]) says whatever the test wants: it has
//! the real one's address and TLS certificate, and is asked by an app that logged in at the real one before.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use kenpo_express::domain::address::Address;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::employer::app::App;
use kenpo_express::employer::inbox::{Inbox, InboxItem, Incoming, Wanted};
use kenpo_express::employer::watch::Nobody;
use kenpo_express::employer::{Home, User};
use kenpo_express::message::entity::ContentEncoding;
use kenpo_express::message::format::trailing_tag;
use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::message::receipt::{Receipt, SignedReceipt, Stage};
use kenpo_express::message::seal::{Draft, seal};
use kenpo_express::message::words;
use kenpo_express::pki::profile::USER_VALIDITY;
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::sandbox::enrol::{enrolled, log_in};
use kenpo_express::sandbox::parties::{office, union, user};
use kenpo_express::sandbox::world::World;
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{InboxParcel, Statement, Withdrawn};
use kenpo_express::wire::employer::UnionInfo;
use kenpo_express::wire::page::Cursor;
use kenpo_express::wire::union::UnionCertificates;
use tokio::net::TcpListener;

use super::exchange_employer::start_relay;
use super::exchange_support::free_ports;
use super::inbox_relay::{Relay, Said, serve};

/// The union, the relay, and the app of one user.
pub(crate) struct Post {
    pub(crate) world: World,
    pub(crate) user: User,
    pub(crate) signing: Credential,
    pub(crate) encryption: Credential,
    pub(crate) ca: Authority,
    relay_receipts: Credential,
    relay: Relay,
    streams: HashMap<Address, (u64, Sha256)>,
    server: tokio::task::JoinHandle<()>,
    dir: tempfile::TempDir,
}

impl Drop for Post {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn read_credential(certificate: &Path, key: &Path) -> Credential {
    let key = PrivateKey::from_pem(&fs::read(key).unwrap()).unwrap();
    Credential::new(Certificate::from_pem(&fs::read(certificate).unwrap()).unwrap(), key).unwrap()
}

/// Issues a certificate for a new key, from now on.
pub(crate) fn issue(ca: &Authority, subject: Subject, profile: &Profile) -> Credential {
    let key = new_key(KeyKind::P256).unwrap();
    let request = Request::new(subject, &key).unwrap();
    let now = SystemClock.now();
    Credential::new(ca.issue(&request, profile, USER_VALIDITY, now, &SystemRandom).unwrap(), key).unwrap()
}

pub(crate) fn der(certificate: &Certificate) -> Der {
    Der(certificate.der().to_vec())
}

pub(crate) fn new_id() -> MessageId {
    MessageId::new(SystemClock.now(), &SystemRandom)
}

/// The user's address.
pub(crate) fn us() -> Address {
    Address::User(union(), user())
}

/// The office's address.
pub(crate) fn our_office() -> Address {
    Address::Office(union(), office())
}

impl Post {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// With these settings behind those of the sandbox.
    pub(crate) async fn start_with(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = enrolled(&dir.path().join("w"), free_ports()).await.unwrap();
        let path = world.employer_home().join("employer.toml");
        fs::write(&path, fs::read_to_string(&path).unwrap() + settings).unwrap();
        let (relay, shutdown) = start_relay(&world).await;
        let user = log_in(&world.employer_home()).await.unwrap();
        relay.stop(&shutdown).await;

        let at = |name: &str| world.dir.join(name);
        let joined = |name: &str| read_credential(&at(name), &at(name));
        let relay_receipts = read_credential(&at("relay/receipts/receipts.pem"), &at("relay/receipts/receipts.key"));
        let tls = read_credential(&at("relay/tls/employer.pem"), &at("relay/tls/employer.key"));
        let (signing, encryption) = (joined("gateway/union-signing.pem"), joined("gateway/union-encryption.pem"));
        let ca = fs::read(at("gateway/union-ca.pem")).unwrap();
        let ca = Authority::load(&ca, &fs::read(at("gateway/union-ca.key")).unwrap()).unwrap();
        let info = UnionInfo {
            union: union(),
            user: kenpo_express::sandbox::parties::user(),
            office: office(),
            certificates: UnionCertificates {
                encryption: vec![der(encryption.certificate())],
                signing: vec![der(signing.certificate())],
                revoked: None,
            },
            receipt_certificate: der(relay_receipts.certificate()),
        };
        let said = Arc::new(Mutex::new(Said::new(info)));
        let listener = TcpListener::bind(world.address(1)).await.unwrap();
        let server = tokio::spawn(serve(listener, tls, Arc::clone(&said)));
        fs::create_dir(dir.path().join("out")).unwrap();
        Self { world, user, signing, encryption, ca, relay_receipts, relay: said, streams: HashMap::new(), server, dir }
    }

    /// What the relay says.
    pub(crate) fn relay(&self) -> MutexGuard<'_, Said> {
        self.relay.lock().unwrap()
    }

    pub(crate) fn app(&self) -> App {
        App::open(&self.user, Arc::new(Nobody)).unwrap()
    }

    /// The folder for files.
    pub(crate) fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.world.employer_home().join(name)
    }

    /// Names in a folder of the home, or in the folder for files.
    pub(crate) fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().file_name()).collect());
        let mut names: Vec<_> = entries.unwrap_or_else(|_| Vec::new());
        names.sort();
        names.into_iter().map(|name: std::ffi::OsString| name.into_string().unwrap()).collect()
    }

    /// Receives all that waits.
    pub(crate) async fn receive(&self) -> Inbox {
        self.app().receive(Wanted::All, &self.out()).await.unwrap()
    }

    /// The certificate that messages are sealed for.
    pub(crate) fn recipient(&self) -> Certificate {
        let home = Home::read(&self.world.employer_home()).unwrap();
        Certificate::from_der(&home.certificates().encryption[0].0).unwrap()
    }

    /// The next message of a stream.
    pub(crate) fn draft(&self, to: Address) -> Draft {
        let (sequence, previous) = self.streams.get(&to).copied().unwrap_or((0, Sha256::ZERO));
        Draft {
            id: new_id(),
            date: SystemClock.now(),
            from: Address::Union(union()),
            to,
            sequence: sequence + 1,
            previous,
            file_name: "決定通知書.pdf".parse().unwrap(),
            content_type: "application/pdf".to_owned(),
            comment: Some("ご確認ください".to_owned()),
            encoding: ContentEncoding::Identity,
        }
    }

    /// Seals as the union, for the user and the union itself, and goes on in the stream.
    pub(crate) fn seal(&mut self, draft: &Draft, content: &[u8]) -> Vec<u8> {
        let recipients = [self.recipient(), self.encryption.certificate().clone()];
        let mut sealed = Vec::new();
        let done = seal(draft, &self.signing, &recipients, &SystemRandom, content, &mut sealed).unwrap();
        self.streams.insert(draft.to.clone(), (draft.sequence, done.signature_hash));
        sealed
    }

    /// Seals as anybody, and touches no stream.
    pub(crate) fn seal_as(draft: &Draft, signer: &Credential, recipient: &Certificate) -> Vec<u8> {
        let mut sealed = Vec::new();
        let to = std::slice::from_ref(recipient);
        seal(draft, signer, to, &SystemRandom, &b"forged"[..], &mut sealed).unwrap();
        sealed
    }

    /// Seals, with OpenSSL's command, a message whose file name our own writer would not write.
    pub(crate) fn seal_named(&self, draft: &Draft, file_name: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let date = jiff::fmt::rfc2822::to_string(&draft.date.to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
        let name = percent_encoding::utf8_percent_encode(file_name, percent_encoding::NON_ALPHANUMERIC);
        let entity = format!(
            "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\
             Content-Disposition: attachment; filename*=UTF-8''{name}\r\nMessage-ID: <{}@kx>\r\nDate: {date}\r\n\
             From: <{}>\r\nTo: <{}>\r\nKX-Sequence: {}\r\nKX-Previous: {}\r\n\r\nhostile",
            draft.id, draft.from, draft.to, draft.sequence, draft.previous,
        );
        fs::write(at.join("entity"), entity).unwrap();
        fs::write(at.join("signer"), self.signing.certificate().pem() + self.signing.key().to_pem().as_str()).unwrap();
        fs::write(at.join("recipient"), self.recipient().pem()).unwrap();
        let sign = "cms -sign -binary -nodetach -outform DER -out signed -in entity -signer signer -inkey signer -cades -md sha256";
        let encrypt = "cms -encrypt -binary -aes-256-gcm -outform DER -out sealed -in signed -recip recipient -keyopt ecdh_kdf_md:sha256";
        for arguments in [sign, encrypt] {
            let mut command = Command::new("openssl");
            command.current_dir(at).args(arguments.split(' ')).stdin(Stdio::null());
            let output = command.output().expect("the openssl command is installed");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        fs::read(at.join("sealed")).unwrap()
    }

    /// The relay's receipt for a message.
    pub(crate) fn relayed(id: MessageId, sealed: &[u8]) -> Receipt {
        Receipt {
            message_id: id,
            stage: Stage::Relayed,
            tag: trailing_tag(&sealed[sealed.len().saturating_sub(64)..]),
            digest: None,
            at: SystemClock.now(),
            by: "relay".to_owned(),
            words: None,
            previous: None,
            contiguous: None,
        }
    }

    /// Signed by the relay.
    pub(crate) fn by_relay(&self, receipt: &Receipt) -> Der {
        Der(receipt.sign(&self.relay_receipts, receipt.at).unwrap().der().to_vec())
    }

    /// Lays sealed bytes into the user's inbox, as an honest relay does.
    pub(crate) fn deposit(&self, id: MessageId, sealed: &[u8]) {
        let receipt = Self::relayed(id, sealed);
        let relayed = self.by_relay(&receipt);
        let mut said = self.relay();
        said.cursor += 1;
        let parcel = InboxParcel {
            id,
            cursor: Cursor(said.cursor),
            size: sealed.len() as u64,
            tag: receipt.tag,
            deposited_at: receipt.at,
            expires_at: receipt.at + jiff::SignedDuration::from_hours(14 * 24),
            fetched_at: None,
            relayed,
        };
        said.parcels.push((parcel, sealed.to_vec()));
    }

    /// Sends a file to the user as the union does.
    pub(crate) fn send(&mut self, name: &str, content: &[u8]) -> MessageId {
        self.send_to(us(), name, content)
    }

    pub(crate) fn send_to(&mut self, to: Address, name: &str, content: &[u8]) -> MessageId {
        let draft = Draft { file_name: name.parse().unwrap(), ..self.draft(to) };
        let sealed = self.seal(&draft, content);
        self.deposit(draft.id, &sealed);
        draft.id
    }

    /// Gives the next number to a message that never comes. Answers what the union would say of it.
    pub(crate) fn skip(&mut self, to: Address) -> Statement {
        let draft = self.draft(to.clone());
        self.seal(&draft, b"taken back");
        let (sequence, hash) = self.streams[&to];
        let (message_id, previous, at) = (draft.id, draft.previous, SystemClock.now());
        Statement { message_id, to, sequence, previous, signature_hash: hash, at }
    }

    /// Has the relay tell of a statement.
    pub(crate) fn withdraw(&self, statement: &Statement, signer: &Credential) {
        let der = Der(words::sign(statement, signer, statement.at).unwrap());
        let mut said = self.relay();
        said.cursor += 1;
        let cursor = Cursor(said.cursor);
        said.withdrawals.push(Withdrawn { id: statement.message_id, cursor, statement: der });
    }

    /// The receipts that the relay was told for a message, checked as the union checks them.
    pub(crate) fn receipts(&self, id: MessageId) -> Vec<Receipt> {
        let certificate = Home::read(&self.world.employer_home()).unwrap().signing_certificate().unwrap();
        let said = self.relay();
        let parcel = said.parcels.iter().find(|(parcel, _)| parcel.id == id);
        let mut before = parcel.map(|(parcel, _)| SignedReceipt::from_der(parcel.relayed.0.clone()).hash());
        let told = said.told.iter().filter(|told| told.id == id).filter_map(|told| told.receipt.clone());
        let mut seen: Vec<Der> = Vec::new();
        let mut receipts = Vec::new();
        for der in told {
            if seen.contains(&der) {
                continue;
            }
            let signed = SignedReceipt::from_der(der.0.clone());
            let receipt = signed.verify(&certificate).unwrap();
            assert_eq!((receipt.message_id, receipt.previous), (id, before), "the chain of receipts");
            assert_eq!(receipt.by, us().to_string());
            before = Some(signed.hash());
            seen.push(der);
            receipts.push(receipt);
        }
        receipts
    }
}

/// The codes of why a message is in quarantine.
pub(crate) fn reasons(record: &Incoming) -> Vec<&'static str> {
    let mut codes: Vec<_> = record.reasons.iter().map(|reason| reason.code()).collect();
    codes.sort_unstable();
    codes
}

/// The code of what is wrong with an item.
pub(crate) fn trouble(item: &InboxItem) -> Option<&'static str> {
    item.trouble.as_ref().map(kenpo_express::employer::inbox::InboxTrouble::code)
}

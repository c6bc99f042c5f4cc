//! The staff console in this process, by real TLS, and people who use it without a browser.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::staff::Role;
use kenpo_express::gateway::Gateway;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::gateway::console;
use kenpo_express::gateway::keeper::Keeper;
use kenpo_express::gateway::tasks;
use kenpo_express::gateway::watch::Lookout;
use kenpo_express::gateway::watch::serve::look;
use kenpo_express::http::Metrics;
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::runtime::task::Tasks;
use kenpo_express::wire::client::UnionClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use totp_rs::{Builder, Secret};
use zeroize::Zeroizing;

use crate::gateway_support::{GatewayWorld, Sender};
use crate::preview_support::previewer;
use crate::support::http::{Answer, Client, request};
use crate::support::relay::issue;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The console, and the gateway behind it.
pub(crate) struct ConsoleWorld {
    pub(crate) world: GatewayWorld,
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    pub(crate) lookout: Arc<Lookout<UnionClient>>,
    shutdown: Shutdown,
}

impl ConsoleWorld {
    pub(crate) async fn start() -> Self {
        let world = GatewayWorld::new().await;
        let gateway = world.gateway("").await;
        Self::over(world, gateway).await
    }

    /// On this gateway.
    pub(crate) async fn over(world: GatewayWorld, gateway: Gateway) -> Self {
        let server = Profile::TlsServer { names: vec!["127.0.0.1".to_owned(), "localhost".to_owned()] };
        let subject = Subject::Service("console".to_owned());
        let own = issue(&world.union.authority, subject, &server, world.clock_now());
        std::fs::write(world.folder.path().join("console.pem"), own.certificate().pem()).unwrap();
        std::fs::write(world.folder.path().join("console.key"), own.key().to_pem()).unwrap();
        let shutdown = Shutdown::new();
        let tasks = Tasks::new(Arc::clone(&gateway.receiver.clock), &shutdown);
        let keeper = Arc::new(Keeper::new(&gateway.receiver, gateway.settings.pull.plan()));
        // Does nothing until it is asked.
        tasks::pull::start(&gateway.receiver, &keeper, &tasks);
        let lookout = look(&gateway.receiver, &gateway.settings, &keeper, &tasks);
        let address = "127.0.0.1:0".parse().unwrap();
        let address = console::start(&gateway, (&lookout, &keeper), &previewer(), address, &tasks, &Metrics::new())
            .await
            .unwrap();
        Self { world, gateway, address, lookout, shutdown }
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.gateway, "tanaka")
    }

    /// A browser that nobody has signed in with.
    pub(crate) fn browser(&self) -> Browser {
        self.browser_at(self.address.ip())
    }

    /// One at this address of the machine.
    pub(crate) fn browser_at(&self, source: IpAddr) -> Browser {
        let client = Client::new(self.address, self.world.union.authority.certificate(), None).from(source);
        Browser { client, cookies: BTreeMap::new(), csrf: String::new(), site: "same-origin" }
    }

    /// A new account with a password that it chose itself.
    pub(crate) async fn account(&self, name: &str, role: Role) {
        let password = Some(Zeroizing::new(PASSWORD.to_owned()));
        self.admin().add_staff(name.parse().unwrap(), role, password).await.unwrap();
    }

    /// Somebody of that role who is signed in, for the first time.
    pub(crate) async fn staff(&self, name: &str, role: Role) -> Somebody {
        self.account(name, role).await;
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(name, PASSWORD).await.status, StatusCode::SEE_OTHER);
        let secret = browser.set_up(self).await.0;
        Somebody { browser, secret }
    }

    /// The code that an app shows now.
    pub(crate) fn code(&self, secret: &str) -> String {
        code_at(secret, self.world.clock.now())
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.world.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// A message of this content, received and archived.
    pub(crate) async fn receive(&self, sender: &mut Sender, content: &[u8]) -> MessageId {
        let id = self.world.send(sender, content);
        self.world.pull().await;
        id
    }
}

impl Drop for ConsoleWorld {
    fn drop(&mut self) {
        self.shutdown.abort();
    }
}

/// The code that an app with this secret shows at a time.
pub(crate) fn code_at(secret: &str, at: Timestamp) -> String {
    let secret = Secret::try_from_base32(secret.replace(' ', "")).unwrap();
    Builder::new().with_secret(secret).build().unwrap().generate(at.as_second().unsigned_abs()).to_string()
}

/// Somebody who is signed in, with the app on the phone.
pub(crate) struct Somebody {
    pub(crate) browser: Browser,
    pub(crate) secret: String,
}

/// What a browser does, and no more: keeps cookies, says where a request comes from. Follows nothing by itself.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    pub(crate) cookies: BTreeMap<String, String>,
    /// What the form of the last page has in it.
    pub(crate) csrf: String,
    /// What it says of where a form came from.
    pub(crate) site: &'static str,
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, Body::empty()).await
    }

    /// A form of the last page.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        let body = all.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
        self.ask(Method::POST, path, body.into()).await
    }

    /// A form with files: fields in order, a file with its name, of this type.
    pub(crate) async fn form(&mut self, path: &str, fields: &[(&str, Option<&str>, &[u8])]) -> Answer {
        self.multipart(path, form(fields).into()).await.unwrap()
    }

    /// The body of such a form, as it comes.
    pub(crate) async fn multipart(&mut self, path: &str, body: Body) -> std::io::Result<Answer> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request(Method::POST, path)
            .header("cookie", cookies.join("; "))
            .header("sec-fetch-site", self.site)
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        self.client.send(request.body(body).unwrap()).await
    }

    /// A file, as the script of a page sends it.
    pub(crate) async fn upload(&mut self, path: &str, file: Vec<u8>, csrf: &str) -> Answer {
        let request = request(Method::POST, path)
            .header("cookie", self.cookie())
            .header("sec-fetch-site", self.site)
            .header("x-kx-csrf", csrf)
            .header("content-type", "application/octet-stream");
        self.client.send(request.body(file.into()).unwrap()).await.unwrap()
    }

    /// A connection to the console, with nothing on it.
    pub(crate) async fn raw(&self) -> TlsStream<TcpStream> {
        self.client.raw().await.unwrap()
    }

    /// Its cookies, as they stand in a header.
    pub(crate) fn cookie(&self) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    async fn ask(&mut self, method: Method, path: &str, body: Body) -> Answer {
        let request = request(method, path)
            .header("cookie", self.cookie())
            .header("user-agent", "Suite/1.0")
            .header("sec-fetch-site", self.site)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = self.client.send(request.body(body).unwrap()).await.unwrap();
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        // A file is no page.
        let page = String::from_utf8_lossy(&answer.body);
        if let Some(csrf) = between(&page, "name=\"csrf\" value=\"", "\"") {
            self.csrf = csrf;
        }
        answer
    }

    /// What changes while somebody looks, as its script asks for it.
    pub(crate) async fn follow(&self, path: &str) -> Live {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut line = self.client.raw().await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: relay\r\ncookie: {}\r\nsec-fetch-site: {}\r\naccept: text/event-stream\r\n\r\n",
            cookies.join("; "),
            self.site
        );
        line.write_all(request.as_bytes()).await.unwrap();
        Live { line, heard: Vec::new() }
    }

    /// The first step.
    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("name", name), ("password", password)]).await
    }

    /// The second step.
    pub(crate) async fn code(&mut self, code: &str) -> Answer {
        self.get("/sign-in/code").await;
        self.post("/sign-in/code", &[("code", code)]).await
    }

    /// Sets the second factor up: what the app shares with the gateway, and the recovery codes.
    pub(crate) async fn set_up(&mut self, world: &ConsoleWorld) -> (String, Vec<String>) {
        let page = text(&self.get("/sign-in/factor").await);
        let secret = between(&page, "id=\"key\">", "<").expect("a key to type");
        let answer = self.post("/sign-in/factor", &[("code", &world.code(&secret))]).await;
        let shown = text(&answer);
        let codes: Vec<String> = shown.split("<li><code>").skip(1).map(|rest| rest[..19].to_owned()).collect();
        assert_eq!((answer.status, codes.len()), (StatusCode::OK, 10), "{shown}");
        (secret, codes)
    }

    /// Whether the dashboard is shown.
    pub(crate) async fn is_in(&mut self) -> bool {
        self.get("/").await.status == StatusCode::OK
    }
}

/// A line on which events come.
pub(crate) struct Live {
    line: TlsStream<TcpStream>,
    heard: Vec<u8>,
}

impl Live {
    /// Listens until something is heard for the first time; all that was heard.
    pub(crate) async fn until(&mut self, wanted: &str) -> String {
        let heard = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let text = String::from_utf8_lossy(&self.heard).into_owned();
                if text.contains(wanted) || self.line.read_buf(&mut self.heard).await.unwrap() == 0 {
                    break text;
                }
            }
        });
        let heard = heard.await.unwrap_or_else(|_| panic!("{wanted} was never heard"));
        assert!(heard.contains(wanted), "the line ended before {wanted}: {heard}");
        heard
    }
}

const BOUNDARY: &str = "----suite0123456789";

/// The body of a form with files, as browsers write it.
pub(crate) fn form(fields: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, value) in fields {
        let file = file.map(|file| format!("; filename=\"{}\"", file.replace('"', "%22"))).unwrap_or_default();
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
        body.extend_from_slice(value);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// What stands between two texts, for the first time.
pub(crate) fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(rest[..rest.find(after)?].to_owned())
}

pub(crate) fn leads(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_default()
}

/// As it stands in a form or an address.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

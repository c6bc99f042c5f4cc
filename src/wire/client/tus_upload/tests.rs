//! Uploads to relays that break off, lie or hold on.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::testing::{Act, Liar, NotRandom, Request, answer, some_id};
use super::super::{EmployerClient, Settings};
use super::*;
use crate::wire::employer::UPLOADS;

struct Memory(Vec<u8>);

impl Source for Memory {
    type Reader = io::Cursor<Vec<u8>>;

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read_from(&self, offset: u64) -> io::Result<Self::Reader> {
        Ok(io::Cursor::new(self.0[usize::try_from(offset).unwrap()..].to_vec()))
    }
}

const QUICK: Effort = Effort {
    failures: 3,
    first_pause: Duration::from_millis(1),
    longest_pause: Duration::from_millis(2),
    busy_patience: Duration::from_millis(50),
};

async fn upload_to(settings: &Settings, source: &impl Source) -> Result<(), ClientError> {
    let client = EmployerClient::new(settings).unwrap();
    client.upload(some_id(), source, &Progress::none(), QUICK, &NotRandom).await
}

fn created(offset: usize) -> Act {
    answer("201 Created", &format!("location: {UPLOADS}/{}\r\nupload-offset: {offset}\r\n", some_id()), b"")
}

fn number(request: &Request, header: &str) -> usize {
    request.header(header).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_small_file_takes_one_request() {
    let liar = Liar::start(|request| created(number(request, "content-length"))).await;
    upload_to(&liar.settings, &Memory(b"sealed".to_vec())).await.unwrap();
    let requests = liar.requests.lock().unwrap();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.body, b"sealed");
    assert_eq!(request.header("upload-length"), Some("6"));
    assert_eq!(request.header("tus-resumable"), Some("1.0.0"));
}

#[tokio::test]
async fn a_broken_line_is_taken_up_at_the_offset_the_relay_has() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let cut = 1_234_567;
    let liar = Liar::start(move |request| match request {
        post if post.is("POST") => created(0),
        head if head.is("HEAD") => Act::Answer(format!("HTTP/1.1 200 OK\r\nupload-offset: {cut}\r\n\r\n").into()),
        patch if number(patch, "upload-offset") == 0 => Act::CutAfter(cut),
        patch => {
            let end = number(patch, "upload-offset") + number(patch, "content-length");
            answer("204 No Content", &format!("upload-offset: {end}\r\n"), b"")
        }
    })
    .await;
    let told = Arc::new(AtomicU64::new(0));
    let progress = Progress::new({
        let told = Arc::clone(&told);
        move |bytes| told.store(bytes, Ordering::Relaxed)
    });
    let client = EmployerClient::new(&liar.settings).unwrap();
    client.upload(some_id(), &Memory(bytes.clone()), &progress, QUICK, &NotRandom).await.unwrap();
    let requests = liar.requests.lock().unwrap();
    let received: Vec<u8> = requests.iter().flat_map(|request| request.body.iter().copied()).collect();
    assert!(received == bytes, "{} bytes arrived", received.len());
    assert_eq!(told.load(Ordering::Relaxed), 3_000_000);
}

#[tokio::test]
async fn what_is_there_already_is_not_sent_again() {
    let liar = Liar::start(|_| created(2_000_000)).await;
    upload_to(&liar.settings, &Memory(vec![1; 2_000_000])).await.unwrap();
    assert_eq!((liar.count("POST"), liar.count("PATCH")), (1, 0));
}

#[tokio::test]
async fn lies_about_offset_and_place_are_refused() {
    for act in [
        || created(7),
        || answer("201 Created", &format!("location: {UPLOADS}/{}\r\n", some_id()), b""),
        || answer("201 Created", "location: /elsewhere\r\nupload-offset: 0\r\n", b""),
        || answer("201 Created", "upload-offset: 6\r\n", b""),
    ] {
        let liar = Liar::start(move |_| act()).await;
        let error = upload_to(&liar.settings, &Memory(b"sealed".to_vec())).await.unwrap_err();
        assert!(matches!(error, ClientError::Protocol(Fault::Upload | Fault::Other)), "{error:?}");
    }
}

#[tokio::test]
async fn an_upload_that_has_expired_is_begun_again() {
    let posts = AtomicU64::new(0);
    let liar = Liar::start(move |request| match request {
        post if post.is("POST") && posts.fetch_add(1, Ordering::Relaxed) == 0 => created(0),
        post if post.is("POST") => created(2_000_000),
        patch if patch.is("PATCH") => Act::CutAfter(10),
        _ => answer("404 Not Found", "", b""),
    })
    .await;
    upload_to(&liar.settings, &Memory(vec![1; 2_000_000])).await.unwrap();
    assert_eq!((liar.count("POST"), liar.count("PATCH"), liar.count("HEAD")), (2, 1, 1));
}

#[tokio::test]
async fn an_upload_that_is_still_held_is_waited_for() {
    let heads = AtomicU64::new(0);
    let liar = Liar::start(move |request| match request {
        post if post.is("POST") => created(0),
        head if head.is("HEAD") && heads.fetch_add(1, Ordering::Relaxed) < 10 => answer("423 Locked", "", b""),
        head if head.is("HEAD") => Act::Answer(b"HTTP/1.1 200 OK\r\nupload-offset: 2000000\r\n\r\n".to_vec()),
        _ => Act::CutAfter(10),
    })
    .await;
    upload_to(&liar.settings, &Memory(vec![1; 2_000_000])).await.unwrap();
    let held = Liar::start(|_| answer("423 Locked", "content-type: application/problem+json\r\n", BUSY)).await;
    let error = upload_to(&held.settings, &Memory(vec![1; 9])).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::UploadBusy), "but not for ever");
}

const BUSY: &[u8] = br#"{"type":"urn:kx:problem:upload.busy","title":"t","status":423,"code":"upload.busy"}"#;

#[tokio::test]
async fn the_effort_is_bounded() {
    let liar = Liar::start(|_| Act::CutAfter(0)).await;
    let error = upload_to(&liar.settings, &Memory(b"sealed".to_vec())).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable(_)), "{error:?}");
    assert_eq!(liar.requests.lock().unwrap().len(), 3);
    let mute = Liar::start(|_| Act::Silence).await;
    assert!(matches!(upload_to(&mute.settings, &Memory(vec![0; 9])).await, Err(ClientError::TimedOut)));
}

#[tokio::test]
async fn a_file_that_has_shrunk_is_our_own_fault() {
    struct Shrunk;
    impl Source for Shrunk {
        type Reader = io::Cursor<Vec<u8>>;

        fn size(&self) -> u64 {
            10
        }

        async fn read_from(&self, _offset: u64) -> io::Result<Self::Reader> {
            Ok(io::Cursor::new(b"less".to_vec()))
        }
    }
    let liar = Liar::start(|_| created(10)).await;
    let error = upload_to(&liar.settings, &Shrunk).await.unwrap_err();
    assert!(matches!(error, ClientError::Local(_)), "{error:?}");
}

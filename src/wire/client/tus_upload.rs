//! Uploads by tus 1.0 that go on where they stopped.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, Take};
use tokio_util::io::ReaderStream;

use super::connection::Connection;
use super::error::{ClientError, Fault};
use crate::domain::clock::Random;
use crate::domain::ids::MessageId;
use crate::wire::employer::{UPLOADS, upload};
use crate::wire::problem::{Code, Problem};
use crate::wire::tus::{
    Metadata, OFFSET_CONTENT_TYPE, TUS_RESUMABLE, UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, VERSION,
};

/// Up to this size the bytes travel with the creation: one round trip for a small file.
const SMALL: u64 = 1024 * 1024;
/// How much is read from the source at a time.
const READ: usize = 128 * 1024;

/// Bytes that can be read again from any offset.
pub trait Source: Send + Sync {
    /// What reads them.
    type Reader: AsyncRead + Send + Sync + Unpin + 'static;

    /// How many there are.
    fn size(&self) -> u64;

    /// Starts reading at `offset`.
    fn read_from(&self, offset: u64) -> impl Future<Output = io::Result<Self::Reader>> + Send;
}

/// A file whose size is known and does not change.
#[derive(Debug, Clone)]
pub struct FileSource {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
}

impl Source for FileSource {
    type Reader = tokio::fs::File;

    fn size(&self) -> u64 {
        self.size
    }

    async fn read_from(&self, offset: u64) -> io::Result<tokio::fs::File> {
        let mut file = tokio::fs::File::open(&self.path).await?;
        if offset > 0 {
            file.seek(io::SeekFrom::Start(offset)).await?;
        }
        Ok(file)
    }
}

/// Who wants to know how many bytes are on their way. After a broken line the number goes back to what the relay has.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(u64) + Send + Sync>);

impl Progress {
    /// Calls `tell` with the number of bytes so far.
    pub fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Nobody does.
    pub fn none() -> Self {
        Self::new(|_| ())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress(..)")
    }
}

/// How hard to try before giving up until the next start.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Failures in a row, without a byte of progress, that end it.
    pub failures: u32,
    /// The first pause; each further one is twice as long, with jitter.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long to wait for an upload that another request of ours still holds at the relay.
    pub busy_patience: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            failures: 6,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(15),
            busy_patience: Duration::from_secs(90),
        }
    }
}

impl Effort {
    /// The pause after that many failures: between half and the whole of the doubled time, so that many clients that
    /// failed together do not come back together.
    fn pause(self, failures: u32, random: &dyn Random) -> Duration {
        let whole = self.first_pause.saturating_mul(1 << failures.min(16)).min(self.longest_pause);
        let mut byte = [0];
        random.fill(&mut byte);
        whole / 2 + whole / 2 * u32::from(byte[0]) / 255
    }
}

/// One upload under way.
pub(super) struct Upload<'a, S> {
    connection: &'a Connection,
    id: MessageId,
    source: &'a S,
    progress: &'a Progress,
}

impl<'a, S: Source> Upload<'a, S> {
    pub(super) fn new(connection: &'a Connection, id: MessageId, source: &'a S, progress: &'a Progress) -> Self {
        Self { connection, id, source, progress }
    }

    /// Goes on until the relay has everything.
    pub(super) async fn run(&self, effort: Effort, random: &dyn Random) -> Result<(), ClientError> {
        let (mut failures, mut reached) = (0, 0);
        let (mut busy, mut waited) = (0, Duration::ZERO);
        // Nothing is known of the upload before its creation has been answered; creating it again does no harm.
        let mut created = false;
        loop {
            let step = if created { self.resume().await } else { self.create().await };
            let error = match step {
                Ok(offset) if offset == self.source.size() => return Ok(()),
                Ok(offset) => {
                    created = true;
                    if offset > reached {
                        (failures, reached) = (0, offset);
                        (busy, waited) = (0, Duration::ZERO);
                    }
                    match self.patch(offset).await {
                        Ok(()) => return Ok(()),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // An upload that has expired is no end: it is created again.
            let expired = error.code() == Some(Code::UploadUnknown);
            created &= !expired;
            // After a broken line the relay holds the upload until it has noticed, too: that is no failure of this try.
            if error.code() == Some(Code::UploadBusy) && waited < effort.busy_patience {
                let pause = effort.pause(busy, random);
                (busy, waited) = (busy + 1, waited + pause);
                tokio::time::sleep(pause).await;
                continue;
            }
            failures += 1;
            if failures >= effort.failures || !(expired || error.is_temporary()) {
                return Err(error);
            }
            tokio::time::sleep(effort.pause(failures - 1, random)).await;
        }
    }

    /// Makes the upload, or finds the one there is, and tells how much the relay has of it.
    async fn create(&self) -> Result<u64, ClientError> {
        let size = self.source.size();
        let request = self
            .tus(Method::POST, UPLOADS)
            .header(UPLOAD_LENGTH, size)
            .header(UPLOAD_METADATA, Metadata { message_id: self.id }.to_header());
        let expected = [StatusCode::CREATED, StatusCode::OK];
        let response = if size <= SMALL {
            self.send_bytes(request, 0, &expected).await?
        } else {
            let request = request.header(CONTENT_LENGTH, 0);
            self.connection.expect(request, Duration::ZERO, &expected).await?
        };
        self.check_location(response.headers())?;
        self.offset(response.headers())
    }

    /// Asks how much the relay has.
    async fn resume(&self) -> Result<u64, ClientError> {
        let request = self.tus(Method::HEAD, &upload(self.id));
        let response = self.connection.send(request, Duration::ZERO).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => self.offset(response.headers()),
            // An answer to HEAD has no body that could explain itself.
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(ClientError::Refused(Problem::new(Code::UploadUnknown))),
            StatusCode::LOCKED => Err(ClientError::Refused(Problem::new(Code::UploadBusy))),
            _ => Err(self.connection.refusal(response).await),
        }
    }

    /// Sends everything from `offset` on.
    async fn patch(&self, offset: u64) -> Result<(), ClientError> {
        let request = self.tus(Method::PATCH, &upload(self.id)).header(UPLOAD_OFFSET, offset);
        let response = self.send_bytes(request, offset, &[StatusCode::NO_CONTENT]).await?;
        // Less than everything would be a relay that says yes and does not mean it.
        if self.offset(response.headers())? == self.source.size() { Ok(()) } else { Err(Fault::Upload.into()) }
    }

    async fn send_bytes(
        &self,
        request: RequestBuilder,
        offset: u64,
        expected: &[StatusCode],
    ) -> Result<Response, ClientError> {
        let reader = self.source.read_from(offset).await.map_err(ClientError::Local)?;
        let length = self.source.size() - offset;
        let watch = Arc::new(Watch { offset: AtomicU64::new(offset), failure: Mutex::new(None) });
        let body = Outgoing {
            stream: ReaderStream::with_capacity(reader.take(length), READ),
            remaining: length,
            watch: Arc::clone(&watch),
            progress: self.progress.clone(),
        };
        let request = request.header(CONTENT_TYPE, OFFSET_CONTENT_TYPE).body(reqwest::Body::wrap(body));
        let answer = tokio::select! {
            answer = request.send() => answer.map_err(ClientError::from_transport),
            () = watch.silence(self.connection.idle_timeout()) => Err(ClientError::TimedOut),
        };
        if let Some(error) = watch.failure.lock().expect("no holder of this lock panics").take() {
            return Err(ClientError::Local(error));
        }
        let response = answer?;
        if expected.contains(&response.status()) { Ok(response) } else { Err(self.connection.refusal(response).await) }
    }

    fn tus(&self, method: Method, path: &str) -> RequestBuilder {
        self.connection.request(method, path).header(TUS_RESUMABLE, VERSION)
    }

    /// The place is ours to know: a relay that names another one is not followed.
    fn check_location(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or(Fault::Upload)?;
        if location.ends_with(&upload(self.id)) { Ok(()) } else { Err(Fault::Other) }
    }

    fn offset(&self, headers: &HeaderMap) -> Result<u64, ClientError> {
        let value = headers.get(UPLOAD_OFFSET).and_then(|value| value.to_str().ok());
        let offset = value.and_then(|text| text.parse().ok()).filter(|offset| *offset <= self.source.size());
        let offset = offset.ok_or(Fault::Upload)?;
        (self.progress.0)(offset);
        Ok(offset)
    }
}

/// What is known of a body while it travels.
struct Watch {
    offset: AtomicU64,
    failure: Mutex<Option<io::Error>>,
}

impl Watch {
    /// Ends when no byte has moved for that long.
    async fn silence(&self, idle_timeout: Duration) {
        let mut before = None;
        loop {
            let now = self.offset.load(Ordering::Relaxed);
            if before == Some(now) {
                return;
            }
            before = Some(now);
            tokio::time::sleep(idle_timeout).await;
        }
    }
}

/// The body of a request, with its length known beforehand.
struct Outgoing<R> {
    stream: ReaderStream<Take<R>>,
    remaining: u64,
    watch: Arc<Watch>,
    progress: Progress,
}

impl<R: AsyncRead + Unpin> Outgoing<R> {
    fn fail(&self, error: io::Error) -> io::Error {
        let told = io::Error::from(error.kind());
        *self.watch.failure.lock().expect("no holder of this lock panics") = Some(error);
        told
    }
}

impl<R: AsyncRead + Unpin> Body for Outgoing<R> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match ready!(Pin::new(&mut self.stream).poll_next(context)) {
            Some(Ok(bytes)) => {
                let length = bytes.len() as u64;
                self.remaining -= length;
                let offset = self.watch.offset.fetch_add(length, Ordering::Relaxed) + length;
                (self.progress.0)(offset);
                Ok(Frame::data(bytes))
            }
            Some(Err(error)) => Err(self.fail(error)),
            None => Err(self.fail(io::ErrorKind::UnexpectedEof.into())),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Act, Liar, NotRandom, Request, answer, some_id};
    use super::super::{EmployerClient, Settings};
    use super::*;

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
}

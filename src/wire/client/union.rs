//! What a gateway asks of the relay.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};

use super::connection::{Connection, Settings, SettingsError};
use super::content::Content;
use super::error::{ClientError, Fault};
use crate::domain::ids::{MessageId, RequestId, UserId};
use crate::wire::enrolment::{EnrolmentOrder, Notice, PendingRequest};
use crate::wire::page::{Cursor, MAX_LIMIT, Page, PageQuery};
use crate::wire::union::{
    ACKNOWLEDGEMENTS, Acknowledgement, AcknowledgementResults, Acknowledgements, CERTIFICATE_REQUESTS, CERTIFICATES,
    Confirmation, DisableUser, HANDSHAKE, Handshake, ORDER, OrderNumber, PARCELS, Parcel, ParcelQuery, ParcelState,
    RequestAnswer, USERS, UnionCertificates, User, UserRegistration, parcel_content, request_answer, user_enrolment,
    user_link, user_notices,
};

/// Speaks `/union/v1`. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct UnionClient(pub(super) Connection);

impl UnionClient {
    /// Prepares the client; nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Connection::new(settings).map(Self)
    }

    /// What is asked from now on, by this client and all its clones, is asked as `other` asks: of that relay, with that
    /// certificate. What is under way ends as it began.
    pub fn go_over_to(&self, other: &Self) {
        self.0.go_over_to(&other.0);
    }

    /// Whether the way to the relay may be used now, where it is prescribed; else `false`. Sends nothing to the relay.
    pub async fn check_way(&self) -> Result<bool, ClientError> {
        self.0.check_way().await
    }

    /// Who is there, and what time it is.
    pub async fn handshake(&self) -> Result<Handshake, ClientError> {
        self.0.json(self.0.request(Method::GET, HANDSHAKE), Duration::ZERO).await
    }

    /// Parcels in a state, in the order of that state. With `wait` in the query the answer may take that long.
    pub async fn parcels(&self, state: ParcelState, query: PageQuery) -> Result<Page<Parcel>, ClientError> {
        let patience = Duration::from_secs(query.wait.unwrap_or(0).into());
        let request = self.0.request(Method::GET, PARCELS).query(&ParcelQuery::new(state, query));
        let page = self.0.json(request, patience).await?;
        checked_page(page, query, |parcel: &Parcel| parcel.cursor)
    }

    /// The bytes of a parcel of `size` bytes (from the list) from `offset` on.
    ///
    /// # Errors
    /// Any answer that is not exactly those bytes is [`ClientError::Protocol`]; so is an offset past the end.
    pub async fn content(&self, id: MessageId, size: u64, offset: u64) -> Result<Content, ClientError> {
        Content::fetch(&self.0, &parcel_content(id), size, offset).await
    }

    /// Tells that these parcels are durable here: at most [`MAX_LIMIT`] at once. One result for each, in order.
    pub async fn acknowledge(&self, items: Vec<Acknowledgement>) -> Result<AcknowledgementResults, ClientError> {
        let body = Acknowledgements { items };
        let request = self.0.request(Method::POST, ACKNOWLEDGEMENTS).json(&body);
        checked_results(self.0.json(request, Duration::ZERO).await?, &body)
    }

    /// Publishes the union's certificates for its employers.
    pub async fn put_certificates(&self, certificates: &UnionCertificates) -> Result<(), ClientError> {
        self.0.no_content(self.0.request(Method::PUT, CERTIFICATES).json(certificates)).await
    }

    /// The users that the relay knows of this union.
    pub async fn users(&self, query: PageQuery) -> Result<Page<User>, ClientError> {
        let page = self.0.json(self.0.request(Method::GET, USERS).query(&query), Duration::ZERO).await?;
        checked_page(page, query, |user: &User| user.cursor)
    }

    /// Makes or replaces a user at the relay.
    pub async fn put_user(
        &self,
        user: &UserId,
        number: OrderNumber,
        registration: &UserRegistration,
    ) -> Result<(), ClientError> {
        self.0.no_content(self.order(Method::PUT, &format!("{USERS}/{user}"), number).json(registration)).await
    }

    /// Shuts a user out at the relay.
    pub async fn disable_user(
        &self,
        user: &UserId,
        number: OrderNumber,
        order: DisableUser,
    ) -> Result<Confirmation, ClientError> {
        let request = self.order(Method::POST, &format!("{USERS}/{user}/disable"), number).json(&order);
        self.0.json(request, Duration::ZERO).await
    }

    /// Lets a user in again at the relay.
    pub async fn enable_user(&self, user: &UserId, number: OrderNumber) -> Result<Confirmation, ClientError> {
        self.0.json(self.order(Method::POST, &format!("{USERS}/{user}/enable"), number), Duration::ZERO).await
    }

    /// Gives the relay a new kit for a user, and has the link mailed.
    pub async fn enrol(
        &self,
        user: &UserId,
        number: OrderNumber,
        order: &EnrolmentOrder,
    ) -> Result<Confirmation, ClientError> {
        let request = self.order(Method::PUT, &user_enrolment(user), number).json(order);
        self.0.json(request, Duration::ZERO).await
    }

    /// Has a new link mailed for the enrolment that is open.
    pub async fn mail_link(&self, user: &UserId, number: OrderNumber) -> Result<Confirmation, ClientError> {
        self.0.json(self.order(Method::POST, &user_link(user), number), Duration::ZERO).await
    }

    /// Has a notice mailed to a user.
    pub async fn notify(
        &self,
        user: &UserId,
        number: OrderNumber,
        notice: &Notice,
    ) -> Result<Confirmation, ClientError> {
        let request = self.order(Method::POST, &user_notices(user), number).json(notice);
        self.0.json(request, Duration::ZERO).await
    }

    /// Requests for certificates that have no answer yet, oldest first. With `wait` the answer may take that long.
    pub async fn certificate_requests(&self, query: PageQuery) -> Result<Page<PendingRequest>, ClientError> {
        let patience = Duration::from_secs(query.wait.unwrap_or(0).into());
        let request = self.0.request(Method::GET, CERTIFICATE_REQUESTS).query(&query);
        let page = self.0.json(request, patience).await?;
        checked_page(page, query, |request: &PendingRequest| request.cursor)
    }

    /// Answers a request for certificates.
    pub async fn answer_request(
        &self,
        id: RequestId,
        number: OrderNumber,
        answer: &RequestAnswer,
    ) -> Result<Confirmation, ClientError> {
        let request = self.order(Method::POST, &request_answer(id), number).json(answer);
        self.0.json(request, Duration::ZERO).await
    }

    fn order(&self, method: Method, path: &str, number: OrderNumber) -> RequestBuilder {
        self.0.request(method, path).header(ORDER, number.0)
    }
}

/// One result for each acknowledgement, in order.
pub(super) fn checked_results(
    results: AcknowledgementResults,
    asked: &Acknowledgements,
) -> Result<AcknowledgementResults, ClientError> {
    let ids = asked.items.iter().map(|item| item.id);
    if ids.eq(results.items.iter().map(|result| result.id)) { Ok(results) } else { Err(Fault::Other.into()) }
}

/// A page that goes forward, is no longer than asked and names its last cursor; so whoever follows it comes to an end.
pub(super) fn checked_page<T>(
    page: Page<T>,
    query: PageQuery,
    cursor: impl Fn(&T) -> Cursor,
) -> Result<Page<T>, ClientError> {
    let limit = query.limit.unwrap_or(MAX_LIMIT).min(MAX_LIMIT) as usize;
    let mut last = query.after;
    let forward = page.items.iter().all(|item| last.replace(cursor(item)).is_none_or(|before| before < cursor(item)));
    let next_fits = page.next == page.items.last().map(cursor) && (page.next.is_some() || !page.more);
    if page.items.len() <= limit && forward && next_fits { Ok(page) } else { Err(Fault::Page.into()) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Act, Liar, answer, json, some_id};
    use super::*;
    use crate::wire::problem::Code;

    async fn client(script: impl Fn(&super::super::testing::Request) -> Act + Send + Sync + 'static) -> UnionClient {
        UnionClient::new(&Liar::start(script).await.settings).unwrap()
    }

    async fn fetch(client: &UnionClient, size: u64, offset: u64) -> Result<Vec<u8>, ClientError> {
        let mut content = client.content(some_id(), size, offset).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = content.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn fault<T>(result: Result<T, ClientError>) -> Fault {
        match result {
            Err(ClientError::Protocol(fault)) => fault,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("a lie was believed"),
        }
    }

    #[tokio::test]
    async fn content_is_what_was_asked_for_or_an_error() {
        let honest = client(|request| match request.header("range") {
            None => answer("200 OK", "", b"0123456789"),
            Some("bytes=4-") => answer("206 Partial Content", "content-range: bytes 4-9/10\r\n", b"456789"),
            Some(other) => panic!("{other}"),
        })
        .await;
        assert_eq!(fetch(&honest, 10, 0).await.unwrap(), b"0123456789");
        assert_eq!(fetch(&honest, 10, 4).await.unwrap(), b"456789");
        assert_eq!(fetch(&honest, 10, 10).await.unwrap(), b"");
        assert_eq!(fault(fetch(&honest, 10, 11).await), Fault::Range);
        // The list said 12, the bytes are 10; and the other way round.
        assert_eq!(fault(fetch(&honest, 12, 0).await), Fault::Length);
        assert_eq!(fault(fetch(&honest, 8, 0).await), Fault::Length);
    }

    #[tokio::test]
    async fn lies_about_ranges_are_noticed() {
        for (status, headers, expected) in [
            ("200 OK", "", Fault::Status(200)),
            ("206 Partial Content", "", Fault::Range),
            ("206 Partial Content", "content-range: bytes 3-9/10\r\n", Fault::Range),
            ("206 Partial Content", "content-range: bytes 4-9/*\r\n", Fault::Range),
            ("206 Partial Content", "content-range: bytes 4-9/10\r\ncontent-encoding: gzip\r\n", Fault::Encoding),
        ] {
            let client = client(move |_| answer(status, headers, b"456789")).await;
            assert_eq!(fault(fetch(&client, 10, 4).await), expected, "{headers}");
        }
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
        let client = client(|_| Act::Answer(chunked.to_vec())).await;
        assert_eq!(fault(fetch(&client, 10, 0).await), Fault::Length);
    }

    #[tokio::test]
    async fn a_cut_line_and_silence_are_temporary() {
        let cut = client(|_| Act::AnswerAndCut(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123".to_vec())).await;
        let error = fetch(&cut, 10, 0).await.unwrap_err();
        assert!(matches!(error, ClientError::Unreachable(_)) && error.is_temporary(), "{error:?}");

        let mute = client(|_| Act::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123".to_vec())).await;
        let error = fetch(&mute, 10, 0).await.unwrap_err();
        assert!(matches!(error, ClientError::TimedOut) && error.is_temporary(), "{error:?}");

        let mute = client(|_| Act::Silence).await;
        assert!(matches!(mute.handshake().await, Err(ClientError::TimedOut)));
    }

    #[tokio::test]
    async fn nonsense_is_a_protocol_error_and_a_problem_a_refusal() {
        let nonsense = client(|_| json("{\"hello\":")).await;
        assert_eq!(fault(nonsense.handshake().await), Fault::Json);
        let redirect = client(|_| answer("302 Found", "location: https://elsewhere.example/\r\n", b"")).await;
        assert_eq!(fault(redirect.handshake().await), Fault::Status(302));
        let proxy = client(|_| answer("503 Service Unavailable", "", b"<html>")).await;
        assert!(proxy.handshake().await.unwrap_err().is_temporary());
        let refusal = client(|_| {
            let body = br#"{"type":"urn:kx:problem:caller.unknown","title":"t","status":403,"code":"caller.unknown"}"#;
            answer("403 Forbidden", "content-type: application/problem+json\r\n", body)
        })
        .await;
        let error = refusal.handshake().await.unwrap_err();
        assert_eq!((error.code(), error.is_temporary()), (Some(Code::CallerUnknown), false));
        let endless = client(|_| answer("200 OK", "", &vec![b' '; 17 * 1024 * 1024])).await;
        assert_eq!(fault(endless.handshake().await), Fault::TooLarge);
    }

    #[test]
    fn pages_that_lead_nowhere_are_refused() {
        let page = |items: &[i64], next: Option<i64>, more| Page {
            items: items.iter().copied().map(Cursor).collect(),
            next: next.map(Cursor),
            more,
        };
        let query = PageQuery { after: Some(Cursor(5)), limit: Some(2), wait: None };
        let check = |page| checked_page(page, query, |cursor: &Cursor| *cursor).is_ok();
        assert!(check(page(&[], None, false)));
        assert!(check(page(&[6, 9], Some(9), true)));
        assert!(!check(page(&[5, 9], Some(9), true)), "again what we have");
        assert!(!check(page(&[9, 6], Some(6), true)), "backwards");
        assert!(!check(page(&[6, 7, 8], Some(8), true)), "more than asked");
        assert!(!check(page(&[6], Some(7), true)), "a cursor of its own");
        assert!(!check(page(&[], None, true)), "nothing, and more of it");
    }

    #[tokio::test]
    async fn acknowledgements_are_answered_one_by_one() {
        let other = client(|_| json(r#"{"items":[]}"#)).await;
        let items = vec![Acknowledgement { id: some_id(), receipt: None }];
        assert_eq!(fault(other.acknowledge(items).await), Fault::Other);
    }

    #[tokio::test]
    async fn a_relay_with_another_authority_is_not_trusted() {
        let (one, other) = (Liar::start(|_| json("{}")).await, Liar::start(|_| json("{}")).await);
        let settings = Settings { roots: other.settings.roots, ..one.settings };
        let error = UnionClient::new(&settings).unwrap().handshake().await.unwrap_err();
        assert!(matches!(error, ClientError::Untrusted(_)), "{error:?}");
        assert_eq!(one.requests.lock().unwrap().len(), 0);
    }
}

//! A relay, played by a test, that says whatever the test wants.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::keys::Credential;
use kenpo_express::wire::delivery::{InboxParcel, NoticeChoice, Withdrawn};
use kenpo_express::wire::employer::UnionInfo;
use kenpo_express::wire::page::{Cursor, Page, PageQuery};
use kenpo_express::wire::problem::{self, Code, Problem};
use kenpo_express::wire::union::{
    Acknowledgement, AcknowledgementOutcome, AcknowledgementResult, AcknowledgementResults, Acknowledgements,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the relay says and was told.
pub(crate) struct Said {
    pub(crate) info: UnionInfo,
    pub(crate) parcels: Vec<(InboxParcel, Vec<u8>)>,
    pub(crate) withdrawals: Vec<Withdrawn>,
    pub(crate) told: Vec<Acknowledgement>,
    /// How many times it refuses the receipts that it is told.
    pub(crate) refusals: u32,
    /// What it answers to acknowledgements; as an honest one without it.
    pub(crate) outcome: Option<AcknowledgementOutcome>,
    /// Whether what was acknowledged is listed still.
    pub(crate) keeps_listing: bool,
    /// After how many bytes the next transfers are cut.
    pub(crate) cuts: Vec<usize>,
    /// From where on content was asked for.
    pub(crate) offsets: Vec<u64>,
    /// What happens before the next content goes out.
    pub(crate) before_content: Option<Box<dyn FnOnce() + Send>>,
    /// What it lists and does not give out.
    pub(crate) gone: HashSet<MessageId>,
    pub(crate) notices: NoticeChoice,
    pub(crate) cursor: i64,
}

/// What a test and the relay that it plays share.
pub(crate) type Relay = Arc<Mutex<Said>>;

impl Said {
    /// A relay that says this of the union, and has nothing yet.
    pub(crate) fn new(info: UnionInfo) -> Self {
        Self {
            info,
            parcels: Vec::new(),
            withdrawals: Vec::new(),
            told: Vec::new(),
            refusals: 0,
            outcome: None,
            keeps_listing: false,
            cuts: Vec::new(),
            offsets: Vec::new(),
            before_content: None,
            gone: HashSet::new(),
            notices: NoticeChoice::default(),
            cursor: 0,
        }
    }
}

/// Serves it with the real relay's certificate.
pub(crate) async fn serve(listener: TcpListener, identity: Credential, relay: Relay) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from(identity.certificate().der().to_vec())];
    let key = PrivateKeyDer::try_from(identity.key().to_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let routes = Router::new()
        .route("/employer/v1/union", get(|State(relay): State<Relay>| async move { Json(lock(&relay).info.clone()) }))
        .route("/employer/v1/inbox", get(inbox))
        .route("/employer/v1/inbox/{id}/content", get(content))
        .route("/employer/v1/acknowledgements", post(acknowledge))
        .route("/employer/v1/withdrawals", get(withdrawals))
        .route(
            "/employer/v1/notices",
            get(|State(relay): State<Relay>| async move { Json(lock(&relay).notices) }).put(
                |State(relay): State<Relay>, Json(choice): Json<NoticeChoice>| async move {
                    lock(&relay).notices = choice;
                    StatusCode::NO_CONTENT
                },
            ),
        )
        .with_state(relay);
    loop {
        let Ok((tcp, _)) = listener.accept().await else { return };
        let (acceptor, routes) = (acceptor.clone(), routes.clone());
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else { return };
            let service = TowerToHyperService::new(routes);
            // What the client breaks off is its own business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
        });
    }
}

fn lock(relay: &Relay) -> MutexGuard<'_, Said> {
    relay.lock().unwrap()
}

fn page<T>(items: impl Iterator<Item = T>, query: PageQuery, cursor: impl Fn(&T) -> Cursor) -> Json<Page<T>> {
    let limit = query.limit.unwrap_or(100) as usize;
    let mut items: Vec<T> = items.filter(|item| Some(cursor(item)) > query.after).take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().map(cursor);
    Json(Page { items, next, more })
}

async fn inbox(State(relay): State<Relay>, Query(query): Query<PageQuery>) -> Json<Page<InboxParcel>> {
    let said = lock(&relay);
    let done = |id| !said.keeps_listing && said.told.iter().any(|told| told.id == id);
    let waiting = said.parcels.iter().map(|(parcel, _)| parcel.clone()).filter(|parcel| !done(parcel.id));
    page(waiting, query, |parcel| parcel.cursor)
}

async fn withdrawals(State(relay): State<Relay>, Query(query): Query<PageQuery>) -> Json<Page<Withdrawn>> {
    page(lock(&relay).withdrawals.iter().cloned(), query, |withdrawn| withdrawn.cursor)
}

async fn content(State(relay): State<Relay>, UrlPath(id): UrlPath<MessageId>, headers: HeaderMap) -> Response {
    let mut said = lock(&relay);
    let found = said.parcels.iter().rfind(|(parcel, _)| parcel.id == id && !said.gone.contains(&id));
    let Some(bytes) = found.map(|(_, bytes)| bytes.clone()) else {
        let problem = Problem::new(Code::ParcelUnknown);
        return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, problem::CONTENT_TYPE)], Json(problem)).into_response();
    };
    let range =
        headers.get(header::RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-'));
    let from: usize = range.map_or(0, |from| from.parse().unwrap());
    said.offsets.push(from as u64);
    if let Some(act) = said.before_content.take() {
        act();
    }
    let rest = bytes[from.min(bytes.len())..].to_vec();
    let mut response = Response::builder().header(header::CONTENT_LENGTH, rest.len());
    if from > 0 {
        let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
        response = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, range);
    }
    let cut = if said.cuts.is_empty() { None } else { Some(said.cuts.remove(0)) };
    let body = match cut {
        None => Body::from(rest),
        Some(cut) => {
            let pieces = rest[..cut.min(rest.len())].chunks(16 * 1024).map(|piece| Ok(Bytes::copy_from_slice(piece)));
            let end = std::iter::once(Err(std::io::Error::other("the line is cut")));
            Body::from_stream(futures_util::stream::iter(pieces.chain(end).collect::<Vec<_>>()))
        }
    };
    response.body(body).unwrap()
}

async fn acknowledge(
    State(relay): State<Relay>,
    Json(Acknowledgements { items }): Json<Acknowledgements>,
) -> Json<AcknowledgementResults> {
    let mut said = lock(&relay);
    let refused = (said.refusals > 0).then_some(AcknowledgementOutcome::ReceiptRefused);
    said.refusals = said.refusals.saturating_sub(1);
    let forced = said.outcome.or(refused);
    let result = |item: Acknowledgement| {
        let is_again = said.told.iter().any(|told| told.id == item.id);
        let honest =
            if is_again { AcknowledgementOutcome::AlreadyAcknowledged } else { AcknowledgementOutcome::Acknowledged };
        let (id, outcome) = (item.id, forced.unwrap_or(honest));
        if forced.is_none() {
            said.told.push(item);
        }
        AcknowledgementResult { id, outcome }
    };
    let items = items.into_iter().map(result).collect();
    Json(AcknowledgementResults { items, acknowledged: None })
}

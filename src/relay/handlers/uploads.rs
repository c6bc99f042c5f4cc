//! `/employer/v1/uploads` and `/union/v1/uploads`: tus 1.0 with creation, creation-with-upload, checksum, expiration and termination.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;

use super::detached;
use crate::domain::ids::{InsurerNumber, MessageId};
use crate::http::tus::{self, Chunk, Creation, Progress};
use crate::http::{BodyReader, PathId};
use crate::relay::bytes::Key;
use crate::relay::caller::{SessionCaller, UnionCaller};
use crate::relay::deposit::{Order, SMALL, Standing};
use crate::relay::state::{App, Lock};
use crate::store::relay::uploads::Depositor;
use crate::wire::problem::{Code, Problem};
use crate::wire::tus::Metadata;
use crate::wire::{delivery, employer};

/// Who asks: a union, or a user of it within a session.
#[derive(Debug, Clone)]
pub struct Party {
    union: InsurerNumber,
    by: Depositor,
}

impl From<SessionCaller> for Party {
    fn from(SessionCaller(user): SessionCaller) -> Self {
        Self { union: user.union, by: Depositor::User(user.id) }
    }
}

impl From<UnionCaller> for Party {
    fn from(UnionCaller(union): UnionCaller) -> Self {
        Self { union: union.insurer.clone(), by: Depositor::Union }
    }
}

impl Party {
    /// The path of an upload on the listener at which the party asks.
    fn upload(&self, id: MessageId) -> String {
        match self.by {
            Depositor::User(_) => employer::upload(id),
            Depositor::Union => delivery::upload(id),
        }
    }

    /// What a creation asks for: the union's with recipients, a user's without.
    fn order(&self, creation: &Creation<Metadata>) -> Result<Order, Problem> {
        let recipients: BTreeSet<_> = creation.metadata.recipients.iter().cloned().collect();
        match &self.by {
            Depositor::User(_) if !recipients.is_empty() || creation.metadata.place.is_some() => {
                Err(Problem::new(Code::RequestMalformed)
                    .with_detail("what a user sends is for the union: no recipients, no place"))
            }
            by => {
                let (recipients, place) = (recipients.into_iter().collect(), creation.metadata.place.clone());
                Ok(Order { by: by.clone(), recipients, place, size: creation.size })
            }
        }
    }

    fn lock(&self, app: &App, id: MessageId) -> Result<Lock, Problem> {
        app.locks.take(&Key { union: self.union.clone(), id }).ok_or_else(|| Problem::new(Code::UploadBusy))
    }

    /// Somebody else's upload is not there for this party, whatever the reason.
    async fn standing(&self, app: &App, lock: &Lock) -> Result<Standing, Problem> {
        match app.standing(&self.by, lock).await {
            Ok(Some(standing)) => Ok(standing),
            Ok(None) => Err(Problem::new(Code::UploadUnknown)),
            Err(problem) if problem.code == Code::ParcelConflict => Err(Problem::new(Code::UploadUnknown)),
            Err(problem) => Err(problem),
        }
    }
}

/// OPTIONS: what of tus is spoken here.
pub async fn options(State(app): State<App>) -> Response {
    tus::options(app.config.parcels.max_bytes)
}

/// POST: creates an upload, also with its first bytes. The same one again is found again.
pub async fn create<C>(State(app): State<App>, caller: C, request: Request) -> Response
where
    C: FromRequestParts<App> + Into<Party>,
{
    let (party, headers): (Party, _) = (caller.into(), request.headers().clone());
    let body = BodyReader::new(request, &app.config.limits);
    let creation = Creation::from_headers(&headers, app.config.parcels.max_bytes, Metadata::from_header);
    let order = creation.and_then(|creation| Ok((party.order(&creation)?, creation)));
    tus::created(match order {
        Ok((order, creation)) => detached(&app, create_in(app.clone(), party, order, creation, body)).await,
        Err(problem) => tus::refuse(problem, body).await,
    })
}

async fn create_in(
    app: App,
    party: Party,
    order: Order,
    creation: Creation<Metadata>,
    body: BodyReader,
) -> Result<(String, Progress), Problem> {
    let id = creation.metadata.message_id;
    let lock = match party.lock(&app, id) {
        Ok(lock) => lock,
        Err(problem) => return tus::refuse(problem, body).await,
    };
    let known = match app.standing(&party.by, &lock).await {
        Ok(Some(Standing { progress, recipients, place })) => {
            // Another place is another sealing of the message: its bytes are not to be mixed with those that are here.
            let same = progress.size == order.size && recipients == order.recipients && place == order.place;
            if same { Ok(Some(progress)) } else { Err(Problem::new(Code::ParcelConflict)) }
        }
        other => other.map(|_| None),
    };
    let begun = match known {
        Ok(Some(progress)) => Ok(progress),
        Ok(None) if creation.is_whole() && order.size <= SMALL => {
            let bytes = Bytes::from(creation.collect(body).await?);
            return Ok((party.upload(id), app.take_whole(order, &lock, bytes).await?));
        }
        Ok(None) => app.begin(order, &lock).await,
        Err(problem) => Err(problem),
    };
    let progress = match begun {
        // What comes along is the beginning: nothing that an upload further on could use.
        Ok(progress) if creation.with_bytes && progress.offset == 0 => {
            app.append(&party.by, &lock, progress, body, creation.checksum).await?
        }
        Ok(progress) => {
            tus::ignore(body).await;
            progress
        }
        Err(problem) => return tus::refuse(problem, body).await,
    };
    Ok((party.upload(id), progress))
}

/// HEAD `/{id}`: where the upload stands.
pub async fn show<C>(State(app): State<App>, caller: C, PathId(id): PathId<MessageId>, headers: HeaderMap) -> Response
where
    C: FromRequestParts<App> + Into<Party>,
{
    let party = caller.into();
    let standing = async {
        tus::check_version(&headers)?;
        let Standing { progress, recipients, place } = party.standing(&app, &party.lock(&app, id)?).await?;
        Ok((Metadata { message_id: id, recipients, place }.to_header(), progress))
    };
    tus::standing(standing.await)
}

/// PATCH `/{id}`: goes on with the upload.
pub async fn append<C>(State(app): State<App>, caller: C, PathId(id): PathId<MessageId>, request: Request) -> Response
where
    C: FromRequestParts<App> + Into<Party>,
{
    let (party, headers): (Party, _) = (caller.into(), request.headers().clone());
    let body = BodyReader::new(request, &app.config.limits);
    tus::appended(match Chunk::from_headers(&headers) {
        Ok(chunk) => detached(&app, append_in(app.clone(), party, id, chunk, body)).await,
        Err(problem) => tus::refuse(problem, body).await,
    })
}

async fn append_in(app: App, party: Party, id: MessageId, chunk: Chunk, body: BodyReader) -> Result<Progress, Problem> {
    let begun = async {
        let lock = party.lock(&app, id)?;
        let progress = party.standing(&app, &lock).await?.progress;
        chunk.check_place(progress)?;
        Ok((lock, progress))
    };
    match begun.await {
        // Complete: nothing can follow, and an empty request changes nothing.
        Ok((_, progress)) if progress.expires_at.is_none() => {
            tus::ignore(body).await;
            Ok(progress)
        }
        Ok((lock, progress)) => app.append(&party.by, &lock, progress, body, chunk.checksum).await,
        Err(problem) => tus::refuse(problem, body).await,
    }
}

/// DELETE `/{id}`: gives the upload up.
pub async fn terminate<C>(
    State(app): State<App>,
    caller: C,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Response
where
    C: FromRequestParts<App> + Into<Party>,
{
    let party = caller.into();
    let done = async {
        tus::check_version(&headers)?;
        app.terminate(&party.by, &party.lock(&app, id)?).await
    };
    tus::terminated(done.await)
}

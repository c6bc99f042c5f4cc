//! One `receive`: what is left from before, then what waits, in the order of the relay's list.
//!
//! ```text
//! small: fetched + opened ahead, side by side ─▶ whatever is ready: ONE commitment ─▶ handed out together
//! large: fetched, opened, committed, handed out, one after the other
//! ```

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::mpsc::{self, Receiver};
use tokio_util::task::AbortOnDropHandle;

use super::error::{InboxRefused, InboxTrouble};
use super::fetch::SMALL;
use super::incoming::{InboxState, Incoming};
use super::keep::{Arrived, NotTaken};
use super::{Noticed, best};
use crate::domain::ids::MessageId;
use crate::employer::app::App;
use crate::employer::error::EmployerError;
use crate::employer::union::Union;
use crate::wire::client::ClientError;
use crate::wire::delivery::InboxParcel;
use crate::wire::problem::Code;

/// Small messages that are fetched and opened side by side.
const SIDE_BY_SIDE: usize = 8;
/// Small messages that are put away together, at most, and that wait for it meanwhile.
const GROUP: usize = 64;

/// One `receive`.
pub(super) struct Work<'a> {
    app: &'a App,
    union: Arc<Union>,
    folder: PathBuf,
    here: HashMap<MessageId, Vec<Incoming>>,
    handled: Vec<(MessageId, u32)>,
    /// Where files of this user are, as far as is known.
    taken: HashMap<(MessageId, u32), PathBuf>,
}

/// A message that was fetched ahead, or why not.
type Ahead = (MessageId, Result<Arrived, InboxTrouble>);

impl<'a> Work<'a> {
    pub(super) fn new(
        app: &'a App,
        union: Arc<Union>,
        folder: PathBuf,
        here: HashMap<MessageId, Vec<Incoming>>,
    ) -> Self {
        let place = |one: &Incoming| Some(((one.id, one.copy), one.saved_as.clone()?));
        let taken = here.values().flatten().filter_map(place).collect();
        Self { app, union, folder, here, handled: Vec::new(), taken }
    }

    /// What something was done with.
    pub(super) fn handled(self) -> Vec<(MessageId, u32)> {
        self.handled
    }

    pub(super) async fn all(&mut self, waiting: &[InboxParcel], noticed: &mut Noticed) -> Result<(), EmployerError> {
        let mut verified: Vec<Incoming> = self.here.values().flatten().cloned().collect();
        verified.retain(|one| one.state() == InboxState::Verified);
        verified.sort_by_key(|one| (one.received_at, one.id));
        for group in groups(&verified, |one| one.sealed_size <= SMALL) {
            self.hand_out(group.to_vec(), noticed).await?;
        }
        let mut new = Vec::new();
        for parcel in waiting {
            if self.is_new(parcel).await? {
                new.push(parcel.clone());
            }
        }
        let app = self.app;
        for run in new.chunk_by(|one, next| app.is_small(one) && app.is_small(next)) {
            if !self.take(run, noticed).await? {
                break;
            }
        }
        Ok(())
    }

    pub(super) async fn one(
        &mut self,
        id: MessageId,
        waiting: &[InboxParcel],
        noticed: &mut Noticed,
    ) -> Result<(), EmployerError> {
        let known = self.here.get(&id).cloned().unwrap_or_default();
        match (best(&known), waiting.iter().find(|parcel| parcel.id == id)) {
            (Some(incoming), _) => match incoming.state() {
                InboxState::Accepted if !self.app.tray.has_sealed(incoming) => Err(InboxRefused::NotKept(id).into()),
                InboxState::Verified | InboxState::Accepted => self.hand_out(vec![incoming.clone()], noticed).await,
                state => Err(InboxRefused::State { id, state }.into()),
            },
            (None, Some(parcel)) => self.take(std::slice::from_ref(parcel), noticed).await.map(drop),
            (None, None) => match known.first() {
                Some(one) => Err(InboxRefused::State { id, state: one.state() }.into()),
                None => Err(InboxRefused::Unknown(id).into()),
            },
        }
    }

    /// Whether what waits is not here.
    async fn is_new(&self, parcel: &InboxParcel) -> Result<bool, EmployerError> {
        let known = self.here.get(&parcel.id).map_or(&[] as &[Incoming], Vec::as_slice);
        let Some(one) = best(known) else { return Ok(true) };
        if one.state() == InboxState::Withdrawn || (one.tag, one.sealed_size) != (parcel.tag, parcel.size) {
            return Ok(true);
        }
        // The relay does not know that we have it, though it was told.
        if one.is_acknowledged() {
            self.app.tell_again(one.clone()).await?;
        }
        Ok(false)
    }

    /// Takes what waits, in this order: one large message, or small ones. Whether going on with what is behind them makes sense.
    async fn take(&mut self, run: &[InboxParcel], noticed: &mut Noticed) -> Result<bool, EmployerError> {
        let (mut queue, fetching) = self.fetch_ahead(run);
        let taken = self.take_from(&mut queue, noticed).await;
        // It works with this home: another start finds it free only when all of it has ended.
        drop(queue);
        fetching.await.expect("fetching ahead does not panic");
        taken
    }

    async fn take_from(&mut self, queue: &mut Receiver<Ahead>, noticed: &mut Noticed) -> Result<bool, EmployerError> {
        let mut ready = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut ready, GROUP).await > 0 {
            let mut arrived = Vec::with_capacity(ready.len());
            let mut goes_on = true;
            for (id, one) in ready.drain(..) {
                match one {
                    Ok(one) => arrived.push(one),
                    Err(trouble) => {
                        goes_on = concerns_one_message(&trouble);
                        noticed.troubles.push((id, 0, trouble));
                        if !goes_on {
                            break;
                        }
                    }
                }
            }
            self.put_away(arrived, noticed).await?;
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Fetches and opens side by side. They come out in their order, as long as somebody takes them; what is under way then comes to its end.
    fn fetch_ahead(&self, run: &[InboxParcel]) -> (Receiver<Ahead>, AbortOnDropHandle<()>) {
        let (ahead, queue) = mpsc::channel(GROUP);
        let known = |parcel: &InboxParcel| self.here.get(&parcel.id).cloned().unwrap_or_default();
        let run: Vec<_> = run.iter().map(|parcel| (parcel.clone(), known(parcel))).collect();
        let (app, union) = (self.app.clone(), Arc::clone(&self.union));
        let fetching = async move {
            let bring = |(parcel, known): (InboxParcel, Vec<Incoming>)| {
                let (app, union) = (&app, &union);
                async move { (parcel.id, app.bring(parcel, known, union).await) }
            };
            let wanted = stream::iter(run).take_while(|_| std::future::ready(!ahead.is_closed()));
            let mut brought = std::pin::pin!(wanted.map(bring).buffered(SIDE_BY_SIDE));
            while let Some(one) = brought.next().await {
                // Nobody takes it any more: those beside it come to their end.
                let _ = ahead.send(one).await;
            }
        };
        (queue, AbortOnDropHandle::new(tokio::spawn(fetching)))
    }

    /// Gives what arrived its places and numbers, and hands it out.
    async fn put_away(&mut self, arrived: Vec<Arrived>, noticed: &mut Noticed) -> Result<(), EmployerError> {
        let mut verified = Vec::with_capacity(arrived.len());
        let mut stop = None;
        for (id, kept) in self.app.put_away(arrived).await {
            match kept {
                Ok(incoming) => {
                    self.handled.push((incoming.id, incoming.copy));
                    verified.extend(Some(incoming).filter(|one| one.state() == InboxState::Verified));
                }
                Err(NotTaken::Trouble(trouble)) => noticed.troubles.push((id, 0, trouble)),
                Err(NotTaken::Stop(error)) => stop = Some(error),
            }
        }
        self.hand_out(verified, noticed).await?;
        stop.map_or(Ok(()), Err)
    }

    async fn hand_out(&mut self, group: Vec<Incoming>, noticed: &mut Noticed) -> Result<(), EmployerError> {
        let keys: Vec<_> = group.iter().map(|one| (one.id, one.copy)).collect();
        let new: Vec<_> = keys.iter().filter(|key| !self.handled.contains(key)).copied().collect();
        self.handled.extend(new);
        let of_others = self.taken.iter().filter(|(key, _)| !keys.contains(key));
        let taken: BTreeSet<_> = of_others.map(|(_, place)| place.clone()).collect();
        let mut stop = None;
        for (key, done) in self.app.hand_out(group, &self.folder, taken).await {
            match done {
                Ok(incoming) => self.taken.extend(incoming.saved_as.map(|place| (key, place))),
                Err(NotTaken::Trouble(trouble)) => noticed.troubles.push((key.0, key.1, trouble)),
                Err(NotTaken::Stop(error)) => stop = Some(error),
            }
        }
        stop.map_or(Ok(()), Err)
    }
}

/// Neighbours that share their steps: small ones together, any other by itself.
fn groups<T>(items: &[T], is_small: impl Fn(&T) -> bool) -> impl Iterator<Item = &[T]> {
    items.chunk_by(move |one, next| is_small(one) && is_small(next)).flat_map(|run| run.chunks(GROUP))
}

/// Whether the next message may well come through where this one did not.
fn concerns_one_message(trouble: &InboxTrouble) -> bool {
    match trouble {
        InboxTrouble::Fetch(ClientError::Refused(problem)) => {
            matches!(problem.code, Code::ParcelUnknown | Code::DeliveryEnded | Code::RangeNotSatisfiable)
        }
        InboxTrouble::Fetch(error) => !error.is_temporary(),
        _ => true,
    }
}

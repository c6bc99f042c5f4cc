//! One run of the push: what an earlier one left over, then everything that waits, until nothing more can go now.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::content::Contents;
use super::deposit::Uploaded;
use super::seal::{Fresh, Turn};
use super::trouble::Trouble;
use super::{SendError, Sender};
use crate::domain::address::Address;
use crate::domain::ids::{MessageId, UserId};
use crate::domain::sending::Sending;
use crate::gateway::patience::BreakerState;
use crate::gateway::relay::{self, Relay, is_outage};
use crate::store::gateway::dispatches::{self, Dispatch};
use crate::store::gateway::sent::{self, Due, Sent};
use crate::store::sqlite::StoreError;
use crate::wire::client::ClientError;

/// Between two looks whether another process has let go of the outbox.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// Messages that got a number.
    pub sealed: u64,
    /// Messages that the relay has taken.
    pub deposited: u64,
    /// Messages that are put off, stopped or have failed.
    pub troubles: u64,
    /// Numbers that nobody gets, of which the relay was told.
    pub told: u64,
    /// News of the relay.
    pub news: u64,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum SendRunError {
    /// Environment: the relay.
    #[error("the relay does not work with us")]
    Relay(#[from] ClientError),
    /// Environment: after many failures the relay is left alone for a while.
    #[error("the relay has failed again and again; the next try is at {until}")]
    BreakerOpen {
        /// When the next try may be.
        until: Timestamp,
    },
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Environment: the disk.
    #[error("a file of ours cannot be read or written")]
    Disk(#[from] io::Error),
    /// The relay has news of messages that this database does not know: the next run looks for them.
    #[error("the relay has news of messages that this database does not know")]
    Forgotten,
    /// Configuration: something that the relay has in our name was sealed for us and is not signed with any key of ours here.
    #[error("the relay has a message that no signing key of ours fits: name the old ones in keys.signing too")]
    Unreadable,
    /// Us: a task has panicked.
    #[error("a task of the run failed")]
    Internal,
}

impl SendRunError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => relay::code(error),
            Self::BreakerOpen { .. } => "relay.breaker-open",
            Self::Store(_) => "database",
            Self::Disk(_) => "disk.error",
            Self::Forgotten => "delivery.forgotten",
            Self::Unreadable => "delivery.unreadable",
            Self::Internal => "internal",
        }
    }
}

impl From<SendRunError> for SendError {
    fn from(error: SendRunError) -> Self {
        match error {
            SendRunError::Relay(error) => Self::Relay(error),
            SendRunError::Store(error) => Self::Store(error),
            SendRunError::Disk(error) => Self::Disk(error),
            SendRunError::BreakerOpen { .. }
            | SendRunError::Forgotten
            | SendRunError::Unreadable
            | SendRunError::Internal => Self::Internal,
        }
    }
}

impl<R: Relay> Sender<R> {
    /// Whether a run would find anything to do now.
    pub async fn has_work(&self) -> Result<bool, StoreError> {
        sent::anything_to_do(self.receiver.database.read(), self.due()).await
    }

    /// When what was put off may be tried.
    pub(super) fn due(&self) -> Due {
        let now = self.receiver.clock.now();
        Due { now, horizon: self.receiver.backoff.horizon(now) }
    }

    /// Does one run, unless the stop is asked for first. One at a time: waits for another one, also of another process. What
    /// is under way when it is stopped is gone on with by the next.
    pub async fn run(self: &Arc<Self>, stop: &CancellationToken) -> Result<Pushed, SendRunError> {
        let _turn = self.turn.lock().await;
        let Some(_lock) = self.lock(stop).await? else { return Ok(Pushed::default()) };
        let receiver = &self.receiver;
        if !receiver.breaker.allows(receiver.clock.now()) {
            let BreakerState::Open { until, .. } = receiver.breaker.state() else { return Ok(Pushed::default()) };
            return Err(SendRunError::BreakerOpen { until });
        }
        let result = self.go(stop).await;
        if let Err(SendRunError::Relay(error)) = &result
            && is_outage(error)
        {
            receiver.breaker.failed(receiver.clock.now(), receiver.random.as_ref());
        }
        match &result {
            Ok(Pushed { sealed, deposited, troubles, told, news }) => {
                tracing::info!(code = "push.ended", sealed, deposited, troubles, told, news, "a push has ended");
            }
            Err(error) => {
                let detail = error as &dyn std::error::Error;
                tracing::warn!(code = error.code(), error = detail, "the push ended early");
            }
        }
        result
    }

    /// The lock that keeps other processes from numbering; none when the stop came first.
    async fn lock(&self, stop: &CancellationToken) -> io::Result<Option<File>> {
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(self.lock_path())?;
        while !stop.is_cancelled() {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn go(self: &Arc<Self>, stop: &CancellationToken) -> Result<Pushed, SendRunError> {
        self.sweep().await?;
        // Nothing is numbered before it is known what the relay has from us: this database may come from a backup.
        self.take_over().await?;
        // News first: what somebody has fetched is not taken back any more.
        let mut pushed = Pushed { news: self.hear_all().await?, ..Pushed::default() };
        pushed.told += self.tell_due().await?;
        self.look_for_lost().await?;
        let mut line = Line::new(self);
        let ended = line.work(stop, &mut pushed).await;
        line.park().await;
        ended?;
        pushed.told += self.tell_due().await?;
        pushed.news += self.hear_all().await?;
        Ok(pushed)
    }

    /// Removes what a crash left without a number.
    async fn sweep(&self) -> Result<(), SendRunError> {
        let outbox = self.outbox.clone();
        let found = tokio::task::spawn_blocking(move || outbox.sweep()).await.map_err(|_| SendRunError::Internal)??;
        let mut reader = self.receiver.database.reader().await?;
        let known = sent::find_all(&mut reader, &found).await?;
        drop(reader);
        let kept: HashSet<MessageId> = known.into_iter().filter(|sent| sent.kept).map(|sent| sent.id).collect();
        let outbox = self.outbox.clone();
        let mut stray = found.into_iter().filter(move |id| !kept.contains(id));
        let removed = tokio::task::spawn_blocking(move || stray.try_for_each(|id| outbox.let_go(id)));
        Ok(removed.await.map_err(|_| SendRunError::Internal)??)
    }
}

/// What is under way in a run.
struct Line<'a, R> {
    sender: &'a Arc<Sender<R>>,
    contents: Arc<Contents>,
    dispatches: HashMap<i64, Arc<Dispatch>>,
    /// Whose turn it is to be sealed.
    turns: VecDeque<Sent>,
    sealing: JoinSet<Result<Fresh, Box<(Turn, Trouble)>>>,
    /// Whose turn it is to be deposited.
    ready: VecDeque<(Sent, Vec<UserId>)>,
    uploads: JoinSet<Uploaded>,
    /// Whoever has something under way: what comes after it waits.
    busy: HashSet<Address>,
    cores: usize,
}

impl<'a, R: Relay> Line<'a, R> {
    fn new(sender: &'a Arc<Sender<R>>) -> Self {
        Self {
            sender,
            contents: Arc::default(),
            dispatches: HashMap::new(),
            turns: VecDeque::new(),
            sealing: JoinSet::new(),
            ready: VecDeque::new(),
            uploads: JoinSet::new(),
            busy: HashSet::new(),
            cores: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }

    /// Until nothing is left that can go now, the relay fails, or the stop is asked for.
    async fn work(&mut self, stop: &CancellationToken, pushed: &mut Pushed) -> Result<(), SendRunError> {
        loop {
            if stop.is_cancelled() {
                return Ok(());
            }
            self.fill().await?;
            self.start(pushed).await?;
            if self.sealing.is_empty() && self.uploads.is_empty() {
                // What was passed over may have made room for what comes after it.
                if self.turns.is_empty() && self.ready.is_empty() && !self.more_is_due().await? {
                    return Ok(());
                }
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(sealed) = self.sealing.join_next() => self.number(sealed, pushed).await?,
                Some(uploaded) = self.uploads.join_next() => self.settle(uploaded, pushed).await?,
            }
        }
    }

    /// Sealed and not deposited, at most: no more than can be uploaded now, and as many again.
    fn places(&self) -> usize {
        (self.sender.limits.parallel * 2).saturating_sub(self.ready.len() + self.uploads.len() + self.sealing.len())
    }

    async fn due(&self, state: Sending) -> Result<Vec<Sent>, StoreError> {
        let limit = u32::try_from(self.sender.limits.parallel * 4 + self.busy.len()).unwrap_or(u32::MAX);
        let read = self.sender.receiver.database.read();
        let mut found = sent::to_send(read, state, self.sender.due(), limit).await?;
        found.retain(|sent| !self.busy.contains(&sent.addressee));
        Ok(found)
    }

    async fn more_is_due(&self) -> Result<bool, StoreError> {
        Ok(!self.due(Sending::Sealed).await?.is_empty() || !self.due(Sending::Released).await?.is_empty())
    }

    /// Takes up what waits: first what has its number.
    async fn fill(&mut self) -> Result<(), SendRunError> {
        if self.ready.is_empty() && self.uploads.len() < self.sender.limits.parallel {
            let found = self.due(Sending::Sealed).await?;
            for (sent, users) in self.sender.readmit(found).await? {
                self.busy.insert(sent.addressee.clone());
                self.ready.push_back((sent, users));
            }
        }
        if self.turns.is_empty() && self.places() > 0 {
            for sent in self.due(Sending::Released).await? {
                self.busy.insert(sent.addressee.clone());
                self.turns.push_back(sent);
            }
        }
        Ok(())
    }

    async fn start(&mut self, pushed: &mut Pushed) -> Result<(), SendRunError> {
        while self.uploads.len() < self.sender.limits.parallel {
            let Some((sent, users)) = self.ready.pop_front() else { break };
            self.uploads.spawn(Arc::clone(self.sender).upload(sent, users));
        }
        while self.sealing.len() < self.cores && self.places() > 0 {
            let Some(sent) = self.turns.pop_front() else { break };
            let dispatch = self.dispatch(sent.dispatch).await?;
            match self.sender.take_turn(sent, dispatch).await {
                Ok(turn) => {
                    let (sender, contents) = (Arc::clone(self.sender), Arc::clone(&self.contents));
                    self.sealing.spawn_blocking(move || sender.seal(turn, &contents));
                }
                Err(failed) => self.pass_over(vec![*failed], pushed).await?,
            }
        }
        Ok(())
    }

    async fn dispatch(&mut self, number: i64) -> Result<Arc<Dispatch>, StoreError> {
        if let Some(known) = self.dispatches.get(&number) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(dispatches::get(self.sender.receiver.database.read(), number).await?);
        self.dispatches.insert(number, Arc::clone(&found));
        Ok(found)
    }

    async fn number(
        &mut self,
        first: Result<Result<Fresh, Box<(Turn, Trouble)>>, tokio::task::JoinError>,
        pushed: &mut Pushed,
    ) -> Result<(), SendRunError> {
        let mut ended = vec![first];
        ended.extend(std::iter::from_fn(|| self.sealing.try_join_next()));
        let (mut fresh, mut troubles) = (Vec::new(), Vec::new());
        for one in ended {
            match one.map_err(|_| SendRunError::Internal)? {
                Ok(one) => fresh.push(one),
                Err(failed) => {
                    let (turn, trouble) = *failed;
                    troubles.push((turn.sent, trouble));
                }
            }
        }
        let addressees: Vec<Address> = fresh.iter().map(|one| one.turn.sent.addressee.clone()).collect();
        let numbered = self.sender.number(fresh).await?;
        pushed.sealed += numbered.ready.len() as u64;
        self.sender.receiver.metrics.sent_sealed_total.inc_by(numbered.ready.len() as u64);
        for addressee in addressees {
            // Whoever did not get a number now comes again.
            self.busy.remove(&addressee);
        }
        for (sent, users) in numbered.ready {
            self.busy.insert(sent.addressee.clone());
            self.ready.push_back((sent, users));
        }
        troubles.extend(numbered.troubles);
        self.pass_over(troubles, pushed).await
    }

    async fn settle(
        &mut self,
        first: Result<Uploaded, tokio::task::JoinError>,
        pushed: &mut Pushed,
    ) -> Result<(), SendRunError> {
        let mut ended = vec![first];
        ended.extend(std::iter::from_fn(|| self.uploads.try_join_next()));
        let group: Vec<Uploaded> = ended.into_iter().collect::<Result<_, _>>().map_err(|_| SendRunError::Internal)?;
        let addressees: Vec<Address> = group.iter().map(|one| one.sent.addressee.clone()).collect();
        let settled = self.sender.settle(group).await?;
        for addressee in addressees {
            self.busy.remove(&addressee);
        }
        pushed.deposited += settled.deposited;
        pushed.troubles += settled.failed;
        match settled.outage {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    async fn pass_over(&mut self, troubles: Vec<(Sent, Trouble)>, pushed: &mut Pushed) -> Result<(), SendRunError> {
        if troubles.is_empty() {
            return Ok(());
        }
        let database = &self.sender.receiver.database;
        let (mut transaction, mut gone) = (database.write().await?, Vec::new());
        for (sent, trouble) in troubles {
            pushed.troubles += 1;
            self.busy.remove(&sent.addressee);
            if let Trouble::Store(error) = trouble {
                return Err(error.into());
            }
            if self.sender.pass_over(&mut transaction, &sent, &trouble).await? {
                gone.push(sent);
            }
        }
        database.commit(transaction).await?;
        Ok(self.sender.let_go(&gone).await?)
    }

    /// Ends what is under way: sealing to its end, whose result is thrown away, uploads where they are.
    async fn park(&mut self) {
        self.uploads.shutdown().await;
        while let Some(ended) = self.sealing.join_next().await {
            if let Ok(Ok(fresh)) = ended {
                self.sender.outbox.give_up(fresh.turn.sent.id);
            }
        }
    }
}

//! What is under way in a run: sealed on all cores, numbered in groups, deposited side by side. Whoever has something under way waits with
//! what comes after it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Sender;
use super::content::Contents;
use super::deposit::Uploaded;
use super::outcome::{Pushed, SendRunError};
use super::seal::{Fresh, Turn};
use super::trouble::Trouble;
use crate::domain::address::Address;
use crate::domain::ids::UserId;
use crate::domain::sending::Sending;
use crate::gateway::relay::Relay;
use crate::store::gateway::dispatches::{self, Dispatch};
use crate::store::gateway::registry_version;
use crate::store::gateway::sent::{self, Sent};
use crate::store::sqlite::StoreError;

/// A message that can be deposited, for these users, as the registry was judged.
struct Ready {
    sent: Sent,
    users: Vec<UserId>,
    version: i64,
}

/// What is under way in a run.
pub(super) struct Line<'a, R> {
    sender: &'a Arc<Sender<R>>,
    contents: Arc<Contents>,
    dispatches: HashMap<i64, Arc<Dispatch>>,
    /// Whose turn it is to be sealed.
    turns: VecDeque<Sent>,
    sealing: JoinSet<Result<Fresh, Box<(Turn, Trouble)>>>,
    /// Whose turn it is to be deposited.
    ready: VecDeque<Ready>,
    uploads: JoinSet<Uploaded>,
    /// Whoever has something under way: what comes after it waits.
    busy: HashSet<Address>,
    cores: usize,
}

impl<'a, R: Relay> Line<'a, R> {
    pub(super) fn new(sender: &'a Arc<Sender<R>>) -> Self {
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
    pub(super) async fn work(&mut self, stop: &CancellationToken, pushed: &mut Pushed) -> Result<(), SendRunError> {
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
            let version = registry_version(self.sender.receiver.database.read()).await?;
            let found = self.due(Sending::Sealed).await?;
            for (sent, users) in self.sender.readmit(found).await? {
                self.busy.insert(sent.addressee.clone());
                self.ready.push_back(Ready { sent, users, version });
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
            let Some(ready) = self.ready.pop_front() else { break };
            let addressee = ready.sent.addressee.clone();
            match self.still_ready(ready).await? {
                Some((sent, users)) => drop(self.uploads.spawn(Arc::clone(self.sender).upload(sent, users))),
                None => drop(self.busy.remove(&addressee)),
            }
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

    /// Whoever was shut out while a message waited for its turn does not get it.
    async fn still_ready(&self, ready: Ready) -> Result<Option<(Sent, Vec<UserId>)>, StoreError> {
        if registry_version(self.sender.receiver.database.read()).await? == ready.version {
            return Ok(Some((ready.sent, ready.users)));
        }
        Ok(self.sender.readmit(vec![ready.sent]).await?.pop())
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
            self.ready.push_back(Ready { sent, users, version: numbered.version });
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
    pub(super) async fn park(&mut self) {
        self.uploads.shutdown().await;
        while let Some(ended) = self.sealing.join_next().await {
            if let Ok(Ok(fresh)) = ended {
                self.sender.outbox.give_up(fresh.turn.sent.id);
            }
        }
    }
}

//! Notes for other processes what a task cannot do at present.

use std::sync::{Arc, Mutex};

use crate::gateway::flows::receive::Receiver;
use crate::store::gateway::troubles;
use crate::store::sqlite::StoreError;

/// What was noted last of a task.
#[derive(Debug)]
pub(super) struct Trouble<R> {
    receiver: Arc<Receiver<R>>,
    task: &'static str,
    noted: Mutex<Option<Result<(), &'static str>>>,
}

impl<R> Trouble<R> {
    pub(super) fn of(task: &'static str, receiver: &Arc<Receiver<R>>) -> Arc<Self> {
        Arc::new(Self { receiver: Arc::clone(receiver), task, noted: Mutex::default() })
    }

    /// Notes how a run ended, when it ended otherwise than the one before.
    pub(super) async fn note(&self, result: Result<(), &'static str>) -> Result<(), &'static str> {
        let known = *self.noted.lock().expect("nothing panics while it holds what was noted");
        if known != Some(result) && self.write(result.err()).await.is_ok() {
            *self.noted.lock().expect("nothing panics while it holds what was noted") = Some(result);
        }
        result
    }

    async fn write(&self, code: Option<&str>) -> Result<(), StoreError> {
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        troubles::note(&mut transaction, self.task, code, self.receiver.clock.now()).await?;
        database.commit(transaction).await
    }
}

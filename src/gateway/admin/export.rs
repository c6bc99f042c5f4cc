//! Received files, decrypted, for whoever acts: verified once more, under the certificate that was frozen then.

use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Admin, AdminError};
use crate::domain::ids::MessageId;
use crate::failpoint;
use crate::gateway::bundle::{Bundle, BundleError};
use crate::gateway::flows::reveal::{RevealError, Revealable};
use crate::gateway::plain::Plain;
use crate::gateway::preview::{Preview, Previewer};
use crate::gateway::view::MessageView;
use crate::store::gateway::messages::Message;
use crate::stream::unpublished::Unpublished;

impl Admin {
    /// Writes the file to `output`, which is there only if everything verified.
    pub async fn export(&self, id: MessageId, output: &Path) -> Result<MessageView, AdminError> {
        let refused = refused(id);
        let receiver = &self.gateway.receiver;
        let found = Revealable::find(receiver, id).await.map_err(refused)?;
        let view = MessageView::from(&found.message);
        let (source, output, random) = (found.clone(), output.to_owned(), Arc::clone(&receiver.random));
        let written = tokio::task::spawn_blocking(move || {
            let output = Unpublished::create(&output, random.as_ref())?;
            let content = source.write(BufWriter::with_capacity(256 * 1024, output.file()))?;
            content.into_inner().map_err(io::IntoInnerError::into_error)?;
            failpoint!("export.written");
            Ok(output.publish()?)
        });
        written.await.map_err(io::Error::other)?.map_err(refused)?;
        self.note(&found, "message.exported").await?;
        Ok(view)
    }

    /// Shows the inside of a file. Who looks is noted first.
    pub async fn preview(&self, id: MessageId, previewer: &Previewer) -> Result<Preview, AdminError> {
        let found = Revealable::find(&self.gateway.receiver, id).await.map_err(refused(id))?;
        self.note(&found, "message.previewed").await?;
        previewer.received(&found).await.map_err(refused(id))
    }

    /// A file to be sent to whoever acts, with what is known of it.
    pub async fn download(&self, id: MessageId, turns: &Arc<Semaphore>) -> Result<(Plain, Message), AdminError> {
        let receiver = &self.gateway.receiver;
        let found = Revealable::find(receiver, id).await.map_err(refused(id))?;
        let plain = Plain::reveal(receiver, turns, found.clone()).await.map_err(refused(id))?;
        self.note(&found, "message.downloaded").await?;
        Ok((plain, found.message))
    }

    /// Many files as one archive, to be sent to whoever acts.
    pub async fn bundle(&self, ids: &[MessageId]) -> Result<Bundle, AdminError> {
        let by = self.by();
        Bundle::prepare(&self.gateway.receiver, ids, by).await.map_err(|error| match error {
            BundleError::File { id, source } => refused(id)(source),
            BundleError::Store(error) => error.into(),
            BundleError::Write(error) => error.into(),
            BundleError::Entry(error) => io::Error::other(error).into(),
        })
    }

    async fn note(&self, found: &Revealable, action: &'static str) -> Result<(), AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let by = self.by();
        found.note(&mut transaction, by, action, self.now()).await?;
        Ok(database.commit(transaction).await?)
    }
}

fn refused(id: MessageId) -> impl Fn(RevealError) -> AdminError + Copy {
    move |error| match error {
        RevealError::Unknown => AdminError::NoMessage(id),
        RevealError::Quarantined => AdminError::Quarantined(id),
        RevealError::Damaged(reason) => AdminError::Damaged(reason),
        RevealError::Store(error) => error.into(),
        RevealError::File(error) => error.into(),
    }
}

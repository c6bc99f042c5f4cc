//! A received file, decrypted: verified once more, under the certificate that was frozen then.

use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;

use super::{Admin, AdminError};
use crate::domain::ids::MessageId;
use crate::failpoint;
use crate::gateway::flows::reveal::{RevealError, Revealable};
use crate::gateway::view::MessageView;
use crate::stream::unpublished::Unpublished;

impl Admin {
    /// Writes the file to `output`, which is there only if everything verified.
    pub async fn export(&self, id: MessageId, output: &Path) -> Result<MessageView, AdminError> {
        let refused = |error| match error {
            RevealError::Unknown => AdminError::NoMessage(id),
            RevealError::Quarantined => AdminError::Quarantined(id),
            RevealError::Damaged(reason) => AdminError::Damaged(reason),
            RevealError::Store(error) => error.into(),
            RevealError::File(error) => error.into(),
        };
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
        let mut transaction = receiver.database.write().await?;
        found.note(&mut transaction, &self.actor, "message.exported", self.now()).await?;
        receiver.database.commit(transaction).await?;
        Ok(view)
    }
}

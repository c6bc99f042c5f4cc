//! A received file, decrypted: verified once more, under the certificate that was frozen then.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;

use super::{Admin, AdminError};
use crate::domain::ids::MessageId;
use crate::domain::verdict::Reason;
use crate::failpoint;
use crate::gateway::view::MessageView;
use crate::message::keys::{Certificate, Credential};
use crate::message::open::open;
use crate::store::gateway::messages::Message;
use crate::store::gateway::{certificates, evidence};
use crate::store::sqlite::StoreError;
use crate::stream::unpublished::Unpublished;

impl Admin {
    /// Writes the file to `output`, which is there only if everything verified.
    pub async fn export(&self, id: MessageId, output: &Path) -> Result<MessageView, AdminError> {
        let message = self.find(id).await?;
        if !message.verdict.is_accepted() {
            return Err(AdminError::Quarantined(id));
        }
        let certificate = self.frozen_certificate(&message).await?;
        let receiver = &self.gateway.receiver;
        let sealed = receiver.archive.archived(&message.path);
        let (keys, output, view) = (receiver.keys.current(), output.to_owned(), MessageView::from(&message));
        let database = &receiver.database;
        let random = Arc::clone(&receiver.random);
        tokio::task::spawn_blocking(move || {
            let output = Unpublished::create(&output, random.as_ref())?;
            write(&sealed, &keys.encryption, &certificate, &message, output)
        })
        .await
        .map_err(io::Error::other)??;
        let mut transaction = database.write().await?;
        self.log(&mut transaction, "message.exported", &id.to_string(), view.state, view.state).await?;
        database.commit(transaction).await?;
        Ok(view)
    }

    async fn frozen_certificate(&self, message: &Message) -> Result<Certificate, AdminError> {
        let database = &self.gateway.receiver.database;
        let evidence = evidence::find(database.read(), message.number).await?;
        let name = evidence.and_then(|evidence| evidence.certificate).ok_or(StoreError::Missing("evidence"))?;
        let mut reader = database.reader().await?;
        let found = certificates::find(&mut reader, &[name]).await?.into_iter().next();
        let registered = found.ok_or(StoreError::Missing("certificate"))?;
        Ok(Certificate::from_der(&registered.der).map_err(|_| StoreError::Corrupt("certificate"))?)
    }
}

fn write(
    sealed: &Path,
    keys: &[Credential],
    certificate: &Certificate,
    message: &Message,
    output: Unpublished,
) -> Result<(), AdminError> {
    let content = BufWriter::with_capacity(256 * 1024, output.file());
    let (opened, content) = open(File::open(sealed)?, keys, content)?;
    let verified = opened.verify(certificate).map_err(|error| AdminError::Damaged(error.reason()))?;
    if verified.header().id != message.id {
        return Err(AdminError::Damaged(Reason::BindingMessageId));
    }
    if Some(verified.tag()) != message.tag {
        return Err(AdminError::Damaged(Reason::EnvelopeTampered));
    }
    content.into_inner().map_err(io::IntoInnerError::into_error)?;
    failpoint!("export.written");
    Ok(output.publish()?)
}

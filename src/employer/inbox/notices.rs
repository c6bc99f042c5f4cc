//! Which mails this user wants from the relay.

use crate::employer::app::App;
use crate::employer::error::EmployerError;
use crate::wire::delivery::NoticeChoice;

impl App {
    /// Which mails come, after changing what is given.
    pub async fn notices(&self, received: Option<bool>, sent: Option<bool>) -> Result<NoticeChoice, EmployerError> {
        let present = self.client.notice_choice().await?;
        let choice =
            NoticeChoice { received: received.unwrap_or(present.received), sent: sent.unwrap_or(present.sent) };
        if choice != present {
            self.client.choose_notices(choice).await?;
        }
        Ok(choice)
    }
}

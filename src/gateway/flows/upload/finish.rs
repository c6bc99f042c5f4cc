//! An upload that is whole becomes a dispatch.

use super::{REMEMBERED, Uploads, addressees, failed};
use crate::failpoint;
use crate::gateway::flows::send::{NewDispatch, Origin, SendError};
use crate::http::tus::Progress;
use crate::store::gateway::api_uploads::{self, Outcome, Upload};
use crate::store::gateway::tokens;
use crate::wire::problem::{Code, Problem};

impl Uploads {
    /// Takes it. Killed in between, it is taken again by the same key, which gives the same dispatch.
    pub(super) async fn finish(&self, upload: Upload, actor: &str) -> Result<Upload, Problem> {
        let Some(to) = addressees(&upload.addressees) else { return Err(Code::RecipientRefused.into()) };
        let content = std::fs::File::open(self.path(upload.id)).map_err(|error| failed(&error))?;
        let new = NewDispatch {
            to,
            file_name: upload.file_name.clone(),
            content_type: upload.content_type.clone(),
            comment: upload.comment.clone(),
            size: upload.size,
            origin: Origin::Api,
            key: Some(match &upload.key {
                Some(key) => format!("{}:{key}", upload.token),
                None => format!("upload:{}", upload.id),
            }),
            actor: actor.to_owned(),
        };
        // It may have waited for long.
        if !self.counts(upload.token).await? {
            let refused = Outcome::Refused(Code::TokenRefused.as_str().to_owned());
            return self.end(upload, refused, Some(Code::TokenRefused.into())).await;
        }
        let staged = self.sender.stage(new, content).await;
        failpoint!("api.staged");
        let (outcome, problem) = match staged {
            Ok(dispatch) => {
                let id = dispatch.id.parse().map_err(|_| Problem::new(Code::Internal))?;
                (Outcome::Taken(id), None)
            }
            Err(error) if may_pass(&error) => return Err(error.into()),
            Err(error) => (Outcome::Refused(error.code().to_owned()), Some(Problem::from(error))),
        };
        self.end(upload, outcome, problem).await
    }

    /// Whether a token may send now.
    async fn counts(&self, token: i64) -> Result<bool, Problem> {
        let tokens = tokens::list(self.sender.receiver.database.read()).await?;
        Ok(tokens.iter().any(|known| known.number == token && known.is_valid(self.now())))
    }

    async fn end(&self, mut upload: Upload, outcome: Outcome, problem: Option<Problem>) -> Result<Upload, Problem> {
        let database = &self.sender.receiver.database;
        let until = self.now().checked_add(REMEMBERED).unwrap_or(upload.expires_at);
        let mut transaction = database.write().await?;
        api_uploads::end(&mut transaction, upload.id, &outcome, until).await?;
        database.commit(transaction).await?;
        self.remove(upload.id)?;
        upload.outcome = Some(outcome);
        problem.map_or(Ok(upload), Err)
    }

    /// Takes an upload that is whole and was not taken, because the process ended in between: its caller is there again, and is told.
    pub async fn take_whole(&self, upload: Upload, actor: &str) -> Result<(Upload, Progress), Problem> {
        let _lock = self.lock(upload.id)?;
        let upload = self.find(upload.token, upload.id).await?;
        let progress = self.progress(&upload).await?;
        if upload.outcome.is_some() || progress.offset < upload.size {
            return Ok((upload, progress));
        }
        let upload = self.finish(upload, actor).await?;
        Ok((upload, Progress::complete(progress.size)))
    }

    /// Takes what was whole when the process ended, or could not be taken then.
    pub(super) async fn finish_late(&self, upload: Upload) -> Result<(), Problem> {
        let tokens = tokens::list(self.sender.receiver.database.read()).await?;
        let actor = tokens.iter().find(|token| token.number == upload.token).map(tokens::Token::actor);
        match self.finish(upload, &actor.unwrap_or_default()).await {
            Err(problem) if problem.status >= 500 => Err(problem),
            _ => Ok(()),
        }
    }
}

/// Whether the same file may be taken later.
fn may_pass(error: &SendError) -> bool {
    use SendError::{Disk, Full, Internal, Relay, Scanner, Seal, Store};
    matches!(error, Disk(_) | Full | Internal | Relay(_) | Scanner(_) | Seal(_) | Store(_))
}

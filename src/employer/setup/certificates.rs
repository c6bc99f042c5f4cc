//! The request for certificates, and the union's answer.

use std::time::Duration;

use super::begin;
use super::progress::Step;
use super::{Names, Setup, Worked};
use crate::domain::ids::RequestId;
use crate::employer::answer;
use crate::employer::error::EmployerError;
use crate::employer::home::{self, CERTIFICATES, Certificates};
use crate::employer::refusal::SetupRefused;
use crate::employer::union::Union;
use crate::failpoint;
use crate::secret::PasswordKeys;
use crate::wire::enrolment::{
    CertificateRequest, FirstRequest, KeyRequests, Outcome, REQUEST_MAC, RefusalReason, SealedRequest,
};

impl Setup {
    /// Hears the union's answer, and takes the certificates.
    pub(super) async fn hear(
        &mut self,
        requests: KeyRequests,
        request: CertificateRequest,
        patience: Duration,
    ) -> Result<Worked, EmployerError> {
        let device = self.device(None)?;
        let mut state = device.request_certificates(&request).await?;
        failpoint!("setup.sent");
        if state.answer.is_none() {
            state = device.certificate_request(request.id, patience).await?;
        }
        let Some(der) = state.answer else { return Ok(Worked::Waits) };
        tracing::info!(request = %request.id, "the union has answered");
        let union = self.union().await?;
        match answer::read(&der, &request, &union)? {
            Outcome::Issued { signing, encryption, device, stream } => {
                let keys = answer::public_keys(&requests)?;
                let identity = self.identity.as_ref().ok_or(EmployerError::Answer)?;
                let issued = [&signing, &encryption, &device];
                answer::check_issued(issued, &keys, identity, &union, self.clock.now())?;
                failpoint!("setup.answered");
                let certificates =
                    Certificates { signing: vec![signing], encryption: vec![encryption], device: vec![device] };
                home::write_json(&self.folder.join(CERTIFICATES), &certificates)?;
                failpoint!("setup.certificates");
                self.progress.go_to(Step::Login { changing: false, stream }, &self.folder)?;
                failpoint!("setup.issued");
                if begin::take_over(&self.home)? {
                    self.folder.clone_from(&self.home);
                }
                Ok(Worked::On)
            }
            Outcome::WaitsForApproval => {
                tracing::info!("set-up waits for approval");
                Ok(Worked::WaitsForApproval)
            }
            Outcome::Refused { reason } => {
                tracing::warn!(?reason, "the union refuses");
                // A later try is another request, under another id.
                self.progress.go_to(Step::Ask { requests }, &self.folder)?;
                (self.names, self.password) = (None, None);
                if reason == RefusalReason::Names {
                    Ok(Worked::WrongNames)
                } else {
                    Err(SetupRefused::Union(reason).into())
                }
            }
        }
    }

    /// What is asked of the union.
    pub(super) fn request(
        &self,
        keys: &PasswordKeys,
        requests: &KeyRequests,
        names: &Names,
        union: &Union,
    ) -> Result<CertificateRequest, EmployerError> {
        let id = RequestId::new(self.clock.now(), &*self.random);
        let claims = self.kit.claims();
        let first = FirstRequest {
            id,
            enrolment: claims.enrolment,
            user: claims.user.clone(),
            pc: self.progress.pc,
            office_name: names.office.clone(),
            user_name: names.user.clone(),
            mail: names.mail.clone(),
            keys: requests.clone(),
        };
        let request = keys.mac.seal(REQUEST_MAC, &first);
        answer::seal(id, &SealedRequest::Enrolment { enrolment: claims.enrolment, request }, union, &*self.random)
    }

    /// The union, as far as the identity that was proven vouches for it.
    pub(super) async fn union(&self) -> Result<Union, EmployerError> {
        let identity = self.identity.clone().ok_or(EmployerError::UnionCertificate)?;
        let told = self.device(None)?.union().await?;
        let (folder, now) = (self.folder.clone(), self.clock.now());
        let check = move || Union::told(&told, &identity, &folder, now);
        tokio::task::spawn_blocking(check).await.expect("checking certificates does not panic")
    }
}

//! `/union/v1/certificates`: what a union shows to its employers.

use axum::extract::State;
use axum::http::StatusCode;

use super::detached;
use crate::http::Json;
use crate::message::keys::Certificate;
use crate::pki::RevocationList;
use crate::relay::caller::UnionCaller;
use crate::relay::registry::Union;
use crate::relay::state::App;
use crate::store::relay::unions::{self, Purpose};
use crate::wire::Der;
use crate::wire::problem::{Code, Problem};
use crate::wire::union::UnionCertificates;

/// As many certificates as anybody may have at once for one purpose.
pub(super) const MOST: usize = 16;

/// PUT: replaces them all. Of the revocation lists the one with the highest number stays.
pub async fn replace(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Json(certificates): Json<UnionCertificates>,
) -> Result<StatusCode, Problem> {
    let encryption = read(&certificates.encryption)?;
    let signing = read(&certificates.signing)?;
    let revoked = certificates.revoked.map(|list| read_list(&list, &union)).transpose()?;
    let this = app.clone();
    detached(&app, async move {
        let mut transaction = this.database.write().await?;
        unions::put_certificates(&mut transaction, &union.insurer, Purpose::Encryption, &encryption).await?;
        unions::put_certificates(&mut transaction, &union.insurer, Purpose::Signing, &signing).await?;
        if let Some(list) = &revoked {
            unions::put_revoked(&mut transaction, &union.insurer, list).await?;
        }
        this.database.commit(transaction).await?;
        let changed = this.registry.reload_union(&this.database, &union.insurer).await?;
        this.send_away_users_of(&changed);
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Certificates as they travel.
pub(super) fn read(certificates: &[Der]) -> Result<Vec<Certificate>, Problem> {
    if certificates.len() > MOST {
        let detail = format!("at most {MOST} certificates");
        return Err(Problem::new(Code::CertificateRefused).with_detail(detail));
    }
    let unreadable = |_| Problem::new(Code::CertificateRefused).with_detail("not a certificate that can be read");
    certificates.iter().map(|der| Certificate::from_der(&der.0).map_err(unreadable)).collect()
}

/// A revocation list of one of the union's authorities.
fn read_list(list: &Der, union: &Union) -> Result<RevocationList, Problem> {
    let read = |issuer: &Certificate| RevocationList::read(&list.0, issuer).ok();
    let refused =
        || Problem::new(Code::CertificateRefused).with_detail("not a revocation list of the union's authority");
    union.authorities.roots().iter().find_map(read).ok_or_else(refused)
}

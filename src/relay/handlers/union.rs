//! `/employer/v1/union`.

use axum::extract::State;

use crate::http::Json;
use crate::relay::caller::UserCaller;
use crate::relay::state::App;
use crate::store::relay::unions::{self, Purpose};
use crate::wire::Der;
use crate::wire::employer::UnionInfo;
use crate::wire::problem::Problem;
use crate::wire::union::UnionCertificates;

/// GET: the caller's union with its certificates.
pub async fn show(State(app): State<App>, UserCaller(user): UserCaller) -> Result<Json<UnionInfo>, Problem> {
    let read = |purpose| unions::certificates(app.database.read(), &user.union, purpose);
    let encryption = read(Purpose::Encryption).await?.into_iter().map(Der).collect();
    let signing = read(Purpose::Signing).await?.into_iter().map(Der).collect();
    Ok(Json(UnionInfo {
        certificates: UnionCertificates { encryption, signing, revoked: None },
        receipt_certificate: Der(app.receipts.load().certificate().der().to_vec()),
        union: user.union,
        user: user.id,
        office: user.office,
    }))
}

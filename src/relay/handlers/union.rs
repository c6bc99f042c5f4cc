//! `/employer/v1/union`.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{DATE, HeaderName};

use crate::http::Json;
use crate::http::tus::http_date;
use crate::relay::caller::AnyCaller;
use crate::relay::state::App;
use crate::store::relay::unions::{self, Purpose};
use crate::wire::Der;
use crate::wire::employer::UnionInfo;
use crate::wire::problem::Problem;
use crate::wire::union::UnionCertificates;

/// GET: the caller's union with its certificates. Callers compare their clocks with the `Date`, so it is that of ours.
pub async fn show(
    State(app): State<App>,
    AnyCaller(user): AnyCaller,
) -> Result<([(HeaderName, HeaderValue); 1], Json<UnionInfo>), Problem> {
    let read = |purpose| unions::certificates(app.database.read(), &user.union, purpose);
    let encryption = read(Purpose::Encryption).await?.into_iter().map(Der).collect();
    let signing = read(Purpose::Signing).await?.into_iter().map(Der).collect();
    let revoked = unions::revoked(app.database.read(), &user.union).await?.map(Der);
    let info = UnionInfo {
        certificates: UnionCertificates { encryption, signing, revoked },
        receipt_certificate: Der(app.receipts.load().certificate().der().to_vec()),
        union: user.union,
        user: user.id,
        office: user.office,
    };
    Ok(([(DATE, http_date(app.clock.now()))], Json(info)))
}

//! What handlers take out of a request, with problem documents for what does not parse.

use std::str::FromStr;

use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BodyReader, Limits};
use crate::wire::problem::{Code, Problem};

/// A JSON body, in and out.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
    Limits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        if essence != Some("application/json") {
            return Err(Problem::new(Code::RequestMalformed).with_detail("Content-Type must be application/json"));
        }
        let limits = Limits::from_ref(state);
        let bytes = BodyReader::new(request, &limits).collect(limits.json_bytes).await?;
        // The place is told, the words of the body are not: they could be anything.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let place = format!("the JSON body is not as expected at line {}, column {}", error.line(), error.column());
            Problem::new(Code::RequestMalformed).with_detail(place)
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The query of a request.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parsed = axum::extract::Query::try_from_uri(&parts.uri);
        let problem = |_| Problem::new(Code::RequestMalformed).with_detail("the query is not as expected");
        parsed.map(|query| Self(query.0)).map_err(problem)
    }
}

/// The one `{id}` in the path. What does not parse cannot exist: the same answer as for a wrong address.
#[derive(Debug, Clone, Copy)]
pub struct PathId<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|path| path.0.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(Code::RouteUnknown).with_detail("the id in the address is not valid"))
    }
}

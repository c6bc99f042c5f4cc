//! Problem documents as answers.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::wire::problem::{CONTENT_TYPE, Code, Problem};

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let text = serde_json::to_vec(&self).expect("a problem document is plain JSON");
        let mut response = Response::new(Body::from(text));
        // Statuses are three digits: RFC 9110 has them from 100 to 999.
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        response
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

/// The answer where there is no route.
pub async fn route_unknown() -> Problem {
    Problem::new(Code::RouteUnknown)
}

/// The answer where the route knows other methods.
pub async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed)
}

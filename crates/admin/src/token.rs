//! The admin token: demanded of everything below `/admin/`.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;

use crate::World;
use crate::problem::Problem;

pub(crate) async fn demand(
    State(world): State<World>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let offered = value.and_then(|value| value.split_once(' '));
    let offered = offered.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let good =
        offered.is_some_and(|(_, token)| world.digester.digest(token.trim()).matches(&world.token));
    if good { Ok(next.run(request).await) } else { Err(Problem::Token) }
}

//! A slowdown of a known size: CPU time that every request costs in addition. Tests and calibrations of a gate ask for
//! it; without it, nothing of this is among the routes.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use rustix::time::{ClockId, clock_gettime};

/// The routes, each request of which keeps its thread busy for this much CPU time first.
pub fn before_each(routes: Router, time: Duration) -> Router {
    if time.is_zero() {
        return routes;
    }
    routes.layer(middleware::from_fn(move |request: Request, next: Next| async move {
        let end = used() + time;
        while used() < end {}
        next.run(request).await
    }))
}

/// The CPU time of this thread. Another clock would also count the time in which somebody else has the core.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // CPU time is never negative.
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

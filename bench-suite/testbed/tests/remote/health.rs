//! `/health` of a server whose database goes away and comes back: by the first answer after either.
//!
//! An answer takes a second at the most, whatever happened to the database.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::Context;
use testbed::link::Distance;

use crate::Bed;

/// The status and the body.
fn health(address: SocketAddr) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_database_down_and_up_again() {
    for pool in ["none", "keepalive", "adaptive"] {
        let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
        let memory = Arc::new(bed.open(pool).await);
        let listener = memory_server::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving =
            tokio::spawn(memory_server::answer(listener, memory_server::router(memory), std::future::pending()));
        let ask = async || tokio::task::spawn_blocking(move || health(address)).await.unwrap().unwrap();
        let alive = async |when: &str| {
            let (status, said) = ask().await;
            assert!(status == 200 && said.contains(r#""database":{"ok":true,"#), "{pool}, {when}: {said}");
        };
        alive("at first").await;
        bed.link.refuse(true);
        bed.link.cut();
        let (status, said) = ask().await;
        assert!(status == 503 && said.contains(r#""ok":false"#) && said.contains(r#""error":"#), "{pool}: {said}");
        bed.link.refuse(false);
        alive("after the link was back").await;
        bed.link.stall(true);
        let (status, said) = ask().await;
        assert!(status == 503 && said.contains("no answer after 1000 ms"), "{pool}: {said}");
        bed.link.stall(false);
        alive("after the database went on").await;
        serving.abort();
    }
}

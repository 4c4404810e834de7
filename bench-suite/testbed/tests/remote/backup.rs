//! Backups of a database on a server, and into one.

use memory::{Memory, Options, Remote, Variant};
use testbed::link::Distance;

use crate::{Bed, answers, play};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_backed_up_and_another_one_restored() {
    let (Some(from), Some(to)) = (Bed::new(Distance::milliseconds(0)), Bed::new(Distance::milliseconds(0))) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.jsonl");
    let memory = from.open("keepalive").await;
    let mut ids = Vec::new();
    for number in 0..70 {
        ids.push(play(&memory, number, number % 4).await.unwrap()); // more than a page
    }
    memory.delete_episode(ids[3]).await.unwrap();
    let made = memory.backup(&file).await.unwrap();
    assert_eq!(made.episodes, 69);
    let expected = answers(&memory, &ids).await;
    play(&memory, 71, 1).await.unwrap(); // the connection that read the backup is as good as before
    let remote = Some(Remote { url: to.link.url(), token: "nobody asks".to_owned() });
    let variant: Variant = "store=libsql,metadata=indexed,pool=keepalive".parse().unwrap();
    let options = Options { remote, ..Options::default() };
    let (restored, read) = Memory::restore(&variant, options, &file).await.unwrap();
    assert_eq!((answers(&restored, &ids).await, read), (expected, made));
}

//! One life of a store, as a transcript of all answers: the same for each.

use super::*;

/// Keys and values that a query language could stumble over.
const AWKWARD: &[(&str, &str)] = &[
    ("agent", "a1"),
    ("a.b[0]", "$.\"x\""),
    ("quote\"d", "it's \"so\""),
    ("back\\slash", "\\u0041"),
    ("", ""),
    ("nul\0key", "nul\0value"),
    ("ключ", "значение \u{1f980}"),
    ("number", "1"),
    ("truth", "true"),
    ("nothing", "null"),
    ("object", "{\"a\":1}"),
];

macro_rules! note {
    ($transcript:ident, $answer:expr) => {
        $transcript.push(match $answer {
            Ok(answer) => format!("{} = {answer:?}", stringify!($answer)),
            Err(error) => format!("{} = error: {error}", stringify!($answer)),
        })
    };
}

/// Everything that can be written, rightly and wrongly.
async fn write(store: &dyn Store) -> Vec<String> {
    let mut answers = Vec::new();
    let all = [head(u128::MAX, &[]), head(7, AWKWARD), head(0, &[("agent", "a1")]), head(1 << 64, &[("agent", "a2")])];
    for head in &all {
        note!(answers, store.create(head).await);
    }
    note!(answers, store.create(&head(7, &[("agent", "another")])).await);

    let large = "a line of output that repeats\n".repeat(20_000); // pages of a database hold far less
    for (number, observation) in [(0, "ok"), (2, "out of order"), (1, large.as_str()), (u32::MAX, ""), (3, "nul\0")] {
        note!(answers, store.append(EpisodeId(7), &step(number, observation)).await);
    }
    let together = [(7, 4), (0, 1), (8, 0), (7, 5), (7, 2), (7, 4), (0, 2)]
        .map(|(id, number)| Write::Append(EpisodeId(id), step(number, "together")));
    note!(answers, store.write_many(&together).await);
    note!(answers, store.write_many(&together[..1]).await);
    note!(answers, store.write_many(&together[2..3]).await);
    note!(answers, store.write_many(&[]).await);
    note!(answers, store.append(EpisodeId(7), &step(2, "again")).await);
    note!(answers, store.append(EpisodeId(8), &step(0, "of nobody")).await);
    note!(answers, store.append(EpisodeId(0), &step(0, "of another")).await);

    let (once, twice) = (pattern("shell", 2, &success()), pattern("shell", 3, &failure()));
    note!(
        answers,
        store.complete(&completed(head(7, AWKWARD)), &embedding(1), &[once, pattern("grep", 1, &success())]).await
    );
    note!(answers, store.complete(&completed(head(u128::MAX, &[])), &embedding(2), std::slice::from_ref(&twice)).await);
    note!(answers, store.complete(&completed(head(0, &[("agent", "a1")])), &embedding(3), &[]).await);
    note!(answers, store.complete(&completed(head(7, AWKWARD)), &embedding(4), std::slice::from_ref(&twice)).await);
    note!(answers, store.complete(&completed(head(9, &[])), &embedding(5), &[twice]).await);
    answers
}

/// Deletions of what [`write`] wrote, rightly and wrongly, and writes after them.
async fn delete(store: &dyn Store) -> Vec<String> {
    let mut answers = Vec::new();
    let (once, grep) = (pattern("shell", 2, &success()), pattern("grep", 1, &success()));
    let ended = completed(head(7, AWKWARD));
    note!(answers, store.delete(&head(8, &[]), &[]).await);
    note!(answers, store.delete(&head(7, AWKWARD), &[]).await);
    note!(answers, store.delete(&ended, &[once, grep]).await);
    note!(answers, store.delete(&ended, &[]).await);
    note!(answers, store.delete(&head(1 << 64, &[("agent", "a2")]), &[]).await);
    note!(answers, store.append(EpisodeId(7), &step(9, "of nobody")).await);
    note!(answers, store.create(&head(7, &[("agent", "the next")])).await);
    note!(answers, store.create(&head(11, &[])).await);
    for (id, number) in [(0, 5), (7, 0), (11, 0), (11, 1)] {
        note!(answers, store.append(EpisodeId(id), &step(number, "after the deletion")).await);
    }
    answers
}

/// Everything that can be read.
async fn read(store: &dyn Store) -> Vec<String> {
    let mut answers = Vec::new();
    for id in [0, 7, 8, 1 << 64, u128::MAX].map(EpisodeId) {
        note!(answers, store.head(id).await);
        note!(answers, store.episode(id).await);
    }
    note!(answers, store.episodes(&[8, 7, 0, 7, u128::MAX, 1].map(EpisodeId)).await);
    note!(answers, store.episodes(&[]).await);
    let mut scanned = Vec::new();
    let scan = store.scan(&mut |head, embedding| scanned.push((head.clone(), embedding.to_vec()))).await;
    note!(answers, scan.map(|()| scanned));
    note!(answers, store.patterns().await);
    for (key, value) in
        AWKWARD.iter().chain(&[("agent", "a2"), ("agent", "A1"), ("agent", ""), ("number", "1.0"), ("b", "x")])
    {
        note!(answers, store.by_metadata(key, value).await);
    }
    for (task_type, domain, limit) in [
        ("bug-fix", "web-api", 10),
        ("bug-fix", "web-api", 2),
        ("bug-fix", "web-api", 0),
        ("bug-fix", "web-api", usize::MAX),
        ("bug-fix", "cli", 10),
        ("Bug-fix", "web-api", 10),
    ] {
        note!(answers, store.by_task(task_type, domain, limit).await);
    }
    note!(answers, store.stats().await.map(|stats| (stats.episodes, stats.steps, stats.patterns)));
    note!(answers, store.check().await);
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_store_gives_the_same_answers_before_and_after_reopening() {
    let model = Place::new().open("store=memory").await.store;
    let (written, answered) = (write(&*model).await, read(&*model).await);
    for variant in in_files() {
        let place = Place::new();
        let opened = place.open(variant).await;
        assert_eq!(write(&*opened.store).await, written, "{variant}");
        assert_eq!(read(&*opened.store).await, answered, "{variant}");
        opened.store.close().await.unwrap();
        // By others, and then by the first again: each finds its own way through what was written before it came.
        for others in [
            "codec=messagepack,compression=lz4,metadata=indexed,index=composite,embedding=f32-blob",
            "metadata=scan,index=single,embedding=json",
            "",
        ] {
            let again = place.open(&format!("{variant},{others}")).await.store;
            assert_eq!(read(&*again).await, answered, "{variant}, reopened with {others}");
            again.close().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_store_deletes_the_same() {
    let model = Place::new().open("store=memory").await.store;
    write(&*model).await;
    let (deleted, answered) = (delete(&*model).await, read(&*model).await);
    for variant in in_files() {
        let place = Place::new();
        let opened = place.open(variant).await;
        write(&*opened.store).await;
        assert_eq!(delete(&*opened.store).await, deleted, "{variant}");
        assert_eq!(read(&*opened.store).await, answered, "{variant}");
        opened.store.close().await.unwrap();
        for others in ["metadata=indexed,index=composite,embedding=f32-blob", ""] {
            let again = place.open(&format!("{variant},{others}")).await.store;
            assert_eq!(read(&*again).await, answered, "{variant}, reopened with {others}");
            again.close().await.unwrap();
        }
        // Steps get places that nobody has, also after reopening.
        let again = place.open(variant).await.store;
        again.append(EpisodeId(11), &step(2, "the last one")).await.unwrap();
        assert_eq!(again.episode(EpisodeId(11)).await.unwrap().unwrap().steps.len(), 3, "{variant}");
        assert_eq!(again.episode(EpisodeId(7)).await.unwrap().unwrap().steps.len(), 1, "{variant}");
    }
}

/// Writes of every kind, rightly and wrongly, some of them about what an earlier one of the same batch wrote.
fn life() -> Vec<Write> {
    let create = |id, metadata| Write::Create(Box::new(head(id, metadata)));
    let complete = |id, patterns: &[Pattern]| {
        let (head, embedding) = (completed(head(id, &[])), embedding(id as u32));
        Write::Complete(Box::new(Completed { head, embedding, patterns: patterns.to_vec() }))
    };
    let append = |id, number| Write::Append(EpisodeId(id), step(number, "together"));
    let (once, twice) = (pattern("shell", 2, &success()), pattern("shell", 3, &failure()));
    vec![
        create(7, AWKWARD),
        append(7, 0),
        create(0, &[("agent", "a1")]),
        create(7, &[("agent", "another")]),
        append(7, 0),
        append(8, 0),
        complete(7, std::slice::from_ref(&once)),
        complete(7, std::slice::from_ref(&twice)),
        complete(8, std::slice::from_ref(&twice)),
        append(0, 3),
        complete(0, &[once, pattern("grep", 1, &success())]),
        create(u128::MAX, &[]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_does_what_its_writes_do_one_by_one() {
    for variant in VARIANTS {
        let (one_place, other_place) = (Place::new(), Place::new());
        let (together, apart) = (one_place.open(variant).await, other_place.open(variant).await);
        let before = together.counters.snapshot()["transactions"];
        let outcomes = together.store.write_many(&life()).await.unwrap();
        let transactions = together.counters.snapshot()["transactions"] - before;
        assert_eq!(transactions, if variant.starts_with("store=tiered") { 2 } else { 1 }, "{variant}");
        let mut alone = Vec::new();
        for write in life() {
            alone.push(write.make(&*apart.store).await);
        }
        assert_eq!(format!("{outcomes:?}"), format!("{alone:?}"), "{variant}");
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 7, "{variant}: {outcomes:?}");
        assert_eq!(read(&*together.store).await, read(&*apart.store).await, "{variant}");
        for name in ["steps_appended", "indexes_built"] {
            assert_eq!(together.counters.snapshot()[name], apart.counters.snapshot()[name], "{variant}: {name}");
        }
        together.store.close().await.unwrap();
        apart.store.close().await.unwrap();
    }
}

/// The model itself: its answers are right, not only everybody's.
#[tokio::test]
async fn the_answers_are_right() {
    let store = Place::new().open("store=memory").await.store;
    let written = write(&*store).await;
    let errors: Vec<&str> =
        written.iter().filter_map(|answer| answer.split_once("error: ")).map(|(_, error)| error).collect();
    assert_eq!(
        errors,
        [
            "episode 00000000000000000000000000000007 exists already: start each episode under a new id (is the same seed in use twice?)",
            "episode 00000000000000000000000000000007 has a step 2 already: give each step the next number",
            "no episode 00000000000000000000000000000008: start it first, or ask for one that this store holds",
            "episode 00000000000000000000000000000007 is completed: log steps before completing, or start another episode",
            "no episode 00000000000000000000000000000009: start it first, or ask for one that this store holds",
        ]
    );
    let episode = store.episode(EpisodeId(7)).await.unwrap().unwrap();
    assert_eq!(episode.head, completed(head(7, AWKWARD)));
    assert_eq!(episode.steps.iter().map(|step| step.number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, u32::MAX]);
    assert_eq!(episode.steps[2], step(2, "out of order"), "the step that came first");
    let refused = store
        .write_many(&[
            Write::Append(EpisodeId(7), step(4, "late")),
            Write::Append(EpisodeId(1 << 64), step(0, "in time")),
        ])
        .await
        .unwrap();
    assert!(matches!(refused[..], [Err(memory::Error::StepExists { number: 4, .. }), Ok(())]), "{refused:?}");
    assert!(store.episode(EpisodeId(8)).await.unwrap().is_none());
    let several = store.episodes(&[8, 7, 0].map(EpisodeId)).await.unwrap();
    assert_eq!((several.len(), &several[0], &several[1]), (3, &None, &Some(episode)));
    assert_eq!(several[2].as_ref().unwrap().head.id, EpisodeId(0));
    assert_eq!(store.head(EpisodeId(1 << 64)).await.unwrap().unwrap(), head(1 << 64, &[("agent", "a2")]));

    let mut scanned = Vec::new();
    store.scan(&mut |head, vector| scanned.push((head.id, vector.to_vec()))).await.unwrap();
    assert_eq!(
        scanned,
        [(EpisodeId(0), embedding(3)), (EpisodeId(7), embedding(1)), (EpisodeId(u128::MAX), embedding(2))]
    );

    let patterns = store.patterns().await.unwrap();
    assert!(patterns.is_sorted_by_key(|pattern| pattern.id));
    let shell = patterns.iter().find(|stored| stored.id == pattern("shell", 1, &success()).id).unwrap();
    assert_eq!((patterns.len(), shell.occurrences, shell.successes), (2, 5, 2), "2 and 3 seen, 2 of them in a success");

    assert_eq!(store.by_metadata("agent", "a1").await.unwrap(), [EpisodeId(0), EpisodeId(7)]);
    // All started at once, past what a column holds: the higher id counts as the newer.
    let newest = [u128::MAX, 1 << 64, 7, 0].map(EpisodeId);
    assert_eq!(store.by_task("bug-fix", "web-api", 9).await.unwrap(), newest);
    assert_eq!(store.by_task("bug-fix", "web-api", 2).await.unwrap(), newest[..2]);
    assert_eq!(store.by_metadata("agent", "another").await.unwrap(), [], "the refused head left nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_write_and_read_at_once() {
    const TASKS: u128 = 8;
    const STEPS: u32 = 25;
    for variant in VARIANTS {
        let place = Place::new();
        let store = place.open(variant).await.store;
        let tasks: Vec<_> = (0..TASKS)
            .map(|id| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    store.create(&head(id, &[("agent", "a1")])).await.unwrap();
                    for number in 0..STEPS {
                        store.append(EpisodeId(id), &step(number, "same")).await.unwrap();
                        let seen = store.episode(EpisodeId(id)).await.unwrap().unwrap();
                        assert_eq!(seen.steps.len() as u32, number + 1, "what was acknowledged is seen");
                    }
                    let patterns = [pattern("shell", 1, &success())];
                    store.complete(&completed(head(id, &[])), &embedding(id as u32), &patterns).await.unwrap();
                    let mut before = 0;
                    store.scan(&mut |head, _| before += usize::from(head.completion.is_some())).await.unwrap();
                    assert!(before >= 1);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap_or_else(|error| panic!("{variant}: {error}"));
        }
        let stats = store.stats().await.unwrap();
        assert_eq!(
            (stats.episodes, stats.steps, stats.patterns),
            (TASKS as u64, TASKS as u64 * u64::from(STEPS), 1),
            "{variant}"
        );
        assert_eq!(store.patterns().await.unwrap()[0].occurrences, TASKS as u64, "{variant}: no merge was lost");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_scan_for_an_index_shows_what_a_scan_shows() {
    for variant in VARIANTS {
        let place = Place::new();
        let store = place.open(variant).await.store;
        let mut writes = Vec::new();
        for id in 0..1_200 {
            writes.push(Write::Create(Box::new(head(id, &[("agent", "a1")]))));
            if id % 3 != 1 {
                let (head, embedding) = (completed(head(id, &[])), embedding(id as u32));
                writes.push(Write::Complete(Box::new(Completed { head, embedding, patterns: vec![] })));
            }
        }
        store.write_many(&writes).await.unwrap();
        let (mut scanned, mut located) = (Vec::new(), Vec::new());
        store.scan(&mut |head, vector| scanned.push((head.id, head.context.clone(), vector.to_vec()))).await.unwrap();
        store
            .scan_located(&mut |id, context, vector| located.push((id, context.clone(), vector.to_vec())))
            .await
            .unwrap();
        assert_eq!((scanned.len(), &scanned), (800, &located), "{variant}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_store_says_so() {
    for variant in VARIANTS {
        let place = Place::new();
        let store = place.open(variant).await.store;
        store.create(&head(7, &[])).await.unwrap();
        store.close().await.unwrap();
        store.close().await.unwrap();
        let mut answers = vec![
            store.create(&head(8, &[])).await.unwrap_err(),
            store.append(EpisodeId(7), &step(0, "late")).await.unwrap_err(),
            store.write_many(&[Write::Append(EpisodeId(7), step(0, "late"))]).await.unwrap_err(),
            store.complete(&completed(head(7, &[])), &[], &[]).await.unwrap_err(),
            store.head(EpisodeId(7)).await.unwrap_err(),
            store.episode(EpisodeId(7)).await.unwrap_err(),
            store.episodes(&[EpisodeId(7)]).await.unwrap_err(),
            store.scan(&mut |_, _| ()).await.unwrap_err(),
            store.scan_located(&mut |_, _, _| ()).await.unwrap_err(),
            store.patterns().await.unwrap_err(),
            store.by_metadata("agent", "a1").await.unwrap_err(),
            store.by_task("bug-fix", "web-api", 1).await.unwrap_err(),
            store.stats().await.unwrap_err(),
            store.check().await.unwrap_err(),
            store.flush().await.unwrap_err(),
        ];
        answers.retain(|error| !matches!(error, memory::Error::Closed));
        assert!(answers.is_empty(), "{variant}: {answers:?}");
        if !variant.starts_with("store=memory") {
            // The file is free, though the handle is still here, and the late step is not in it.
            let again = place.open(variant).await.store;
            assert_eq!(again.episode(EpisodeId(7)).await.unwrap().unwrap().steps, [], "{variant}");
        }
    }
}

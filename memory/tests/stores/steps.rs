//! Steps in batches, and steps of episodes that come and go: whatever a store remembers of an episode's place, each
//! step gets to its own episode or is refused.

use memory::Error;
use memory::store::Write;

use super::*;

fn append(id: u128, number: u32) -> Write {
    Write::Append(EpisodeId(id), step(number, &format!("{id} {number}")))
}

async fn steps_of(store: &dyn Store, id: u128) -> Option<Vec<Step>> {
    store.episode(EpisodeId(id)).await.unwrap().map(|episode| episode.steps.clone())
}

#[tokio::test]
async fn of_many_steps_in_a_batch_each_is_stored_or_refused() {
    for variant in VARIANTS {
        let place = Place::new();
        let store = place.open(variant).await.store;
        for id in 0..4 {
            store.create(&head(id, &[])).await.unwrap();
        }
        store.append(EpisodeId(1), &step(3, "first")).await.unwrap();
        // Eight without a fault, eight with a taken number, eight with an unknown episode, eight with a number twice,
        // and some more.
        let mut writes: Vec<Write> = (0..8).map(|number| append(u128::from(number % 4), number / 4)).collect();
        writes.extend((0..8).map(|number| append(1, number)).skip(2));
        writes.extend([append(2, 2), append(3, 2)]);
        writes.extend((0..7).map(|number| append(2, 3 + number)));
        writes.extend([append(9, 0)]);
        writes.extend((0..7).map(|number| append(3, 3 + number)));
        writes.extend([append(3, 5), append(0, 2), append(0, 3)]);
        let outcomes = store.write_many(&writes).await.unwrap();
        let refused: Vec<(usize, String)> = outcomes
            .iter()
            .enumerate()
            .filter_map(|(place, outcome)| outcome.as_ref().err().map(|error| (place, error.to_string())))
            .collect();
        let of = |error: Error| error.to_string();
        let taken = |id: u128, number| of(Error::StepExists { id: EpisodeId(id), number });
        let expected = [(9, taken(1, 3)), (23, of(Error::UnknownEpisode { id: EpisodeId(9) })), (31, taken(3, 5))];
        assert_eq!(refused, expected, "{variant}");
        for (id, count) in [(0, 4), (1, 8), (2, 10), (3, 10)] {
            let stored = steps_of(&*store, id).await.unwrap();
            let numbers: Vec<u32> = stored.iter().map(|step| step.number).collect();
            assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "{variant}, {id}");
            let own = |step: &&Step| step.observation == format!("{id} {}", step.number) || step.observation == "first";
            assert_eq!(stored.iter().filter(own).count(), stored.len(), "{variant}, {id}");
        }
        assert_eq!(steps_of(&*store, 1).await.unwrap()[3].observation, "first", "{variant}: the taken one stays");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn no_step_gets_to_an_episode_that_took_the_place_of_a_deleted_one() {
    for variant in VARIANTS {
        let place = Place::new();
        let store = place.open(variant).await.store;
        for id in [7, 8] {
            store.create(&head(id, &[])).await.unwrap();
            store.append(EpisodeId(id), &step(0, "first")).await.unwrap();
        }
        store.delete(&head(8, &[]), &[]).await.unwrap();
        store.create(&head(9, &[])).await.unwrap(); // in a database it may get the row of the deleted one
        for write in [vec![append(8, 1)], (0..8).map(|number| append(8, number)).collect()] {
            let outcomes = store.write_many(&write).await.unwrap();
            let unknown = |outcome: &memory::Result<()>| matches!(outcome, Err(Error::UnknownEpisode { .. }));
            assert!(outcomes.iter().all(unknown), "{variant}: {outcomes:?}");
        }
        assert_eq!(steps_of(&*store, 9).await, Some(vec![]), "{variant}");
        store.create(&head(8, &[])).await.unwrap();
        store.append(EpisodeId(8), &step(0, "again")).await.unwrap();
        store.append(EpisodeId(9), &step(0, "nine")).await.unwrap();
        store.complete(&completed(head(7, &[])), &embedding(1), &[]).await.unwrap();
        let said = async |id| steps_of(&*store, id).await.unwrap().into_iter().map(|step| step.observation).collect();
        let [seven, eight, nine]: [Vec<String>; 3] = [said(7).await, said(8).await, said(9).await];
        assert_eq!([&seven[..], &eight[..], &nine[..]], [["first"], ["again"], ["nine"]], "{variant}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_few_steps_and_nothing_else_are_one_statement() {
    let place = Place::new();
    let Opened { store, counters } = place.open("store=libsql,pool=keepalive").await;
    for id in 0..3 {
        store.create(&head(id, &[])).await.unwrap();
        store.append(EpisodeId(id), &step(0, "its row is known from now on")).await.unwrap();
    }
    let told = || ["round_trips", "transactions", "steps_appended"].map(|name| counters.snapshot()[name]);
    let mut before = told();
    let mut growth = || {
        let (was, now) = (before, told());
        before = now;
        [now[0] - was[0], now[1] - was[1], now[2] - was[2]]
    };
    let batch: Vec<Write> = (0..15).map(|number| append(number % 3, 1 + number as u32 / 3)).collect();
    assert!(store.write_many(&batch).await.unwrap().iter().all(Result::is_ok));
    assert_eq!(growth(), [1, 1, 15]);
    let refused = store.write_many(&[append(0, 6), append(1, 3), append(2, 6)]).await.unwrap();
    assert!(matches!(refused[..], [Ok(()), Err(Error::StepExists { number: 3, .. }), Ok(())]), "{refused:?}");
    assert_eq!(growth()[1..], [1, 2], "what was refused together is no transaction");
    for (id, steps) in [(0, 7), (1, 6), (2, 7)] {
        assert_eq!(steps_of(&*store, id).await.unwrap().len(), steps);
    }
    store.close().await.unwrap();
}

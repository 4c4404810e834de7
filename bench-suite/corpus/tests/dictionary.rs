//! The dictionary of compression `zstd-dictionary`: how much smaller it makes small steps that it was not trained on,
//! and where it comes from.
//!
//! `UPDATE_GOLDEN=1 cargo nextest run --release -p assay-corpus --test dictionary` trains it anew with the `zstd`
//! program, which has to be installed. That is for a new dictionary with a new id, under a new name: the one that
//! values were written with stays as it is.

use std::path::Path;
use std::process::Command;

use corpus::generate::{EpisodeStyle, generate};
use memory::{Codec, Compression, Step};

/// The seed of the steps that it was trained on, and of those that it is tried on.
const TRAINED_ON: u64 = 1;
const TRIED_ON: u64 = 2;

/// Episodes of each profile.
const EPISODES: usize = 150;

/// The most bytes of a small step.
const SMALL_BYTES: usize = 1024;

/// The version of the program that trained it. Others make other dictionaries of the same steps.
const TRAINER: &str = "v1.5.4";

/// Its id, of those that nobody reserved (RFC 8878, section 3.1.1.1.3: from 32,768 up to 2^31).
const ID: u32 = 20_260_122;

/// The most bytes of the dictionary.
const DICTIONARY_BYTES: usize = 16 << 10;

/// Small steps of both profiles, encoded.
fn small_steps(seed: u64, codec: Codec) -> Vec<Vec<u8>> {
    let mut steps = Vec::new();
    for profile in [EpisodeStyle::SweAgent, EpisodeStyle::Conversation] {
        for script in generate(seed, EPISODES, profile) {
            for (number, step) in (0..).zip(script.steps) {
                let mut encoded = Vec::new();
                let at_ns = 1_700_000_000_000_000_000 + u64::from(number) * 4_321_987_654;
                codec.encode(&Step::new(number, at_ns, step), &mut encoded).expect("steps are encodable");
                if encoded.len() <= SMALL_BYTES {
                    steps.push(encoded);
                }
            }
        }
    }
    steps
}

/// How often the steps' bytes before compression hold those after it.
fn ratio(compression: Compression, steps: &[Vec<u8>]) -> f64 {
    let (mut before, mut after) = (0, 0);
    for step in steps {
        let mut compressed = Vec::new();
        compression.compress(step, &mut compressed).expect("compresses");
        let mut back = Vec::new();
        compression.decompress(&compressed, step.len(), &mut back).expect("comes back");
        assert_eq!(back, *step);
        before += step.len();
        after += compressed.len();
    }
    before as f64 / after as f64
}

#[test]
fn small_steps_get_smaller_with_the_dictionary() {
    for &codec in Codec::ALL {
        let steps = small_steps(TRIED_ON, codec);
        let bytes: usize = steps.iter().map(Vec::len).sum();
        let [lz4, zstd, dictionary] =
            [Compression::Lz4, Compression::Zstd, Compression::ZstdDictionary].map(|kind| ratio(kind, &steps));
        println!(
            "{codec}: {} steps of {} bytes on average: lz4 {lz4:.2}x, zstd {zstd:.2}x, zstd-dictionary \
                {dictionary:.2}x",
            steps.len(),
            bytes / steps.len()
        );
        assert!(dictionary > 1.1 * zstd.max(lz4), "{codec}: {dictionary} against {zstd} and {lz4}");
    }
}

/// The shipped dictionary comes out again, byte by byte, where the same trainer is installed.
#[test]
fn the_dictionary_is_what_its_method_makes() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../memory/src/compression/steps.zdict");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        train(&shipped);
    }
    let bytes = std::fs::read(&shipped).expect("the dictionary is part of the code");
    assert!(bytes.len() <= DICTIONARY_BYTES, "{} bytes", bytes.len());
    let installed = Command::new("zstd").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    if !String::from_utf8_lossy(&installed).contains(TRAINER) {
        println!("skipped: the dictionary was trained by zstd {TRAINER}, and that is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let again = folder.path().join("again");
    train(&again);
    assert!(std::fs::read(&again).expect("it was written") == bytes, "steps.zdict is not what its method makes");
}

fn train(dictionary: &Path) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // A list, because the order in which a folder is read is anybody's guess, and the order of samples is part of the
    // method.
    let mut list = String::new();
    for &codec in Codec::ALL {
        for (number, step) in small_steps(TRAINED_ON, codec).into_iter().enumerate() {
            let file = folder.path().join(format!("{codec}-{number:05}"));
            std::fs::write(&file, step).expect("a temporary folder takes files");
            list.push_str(&format!("{}\n", file.display()));
        }
    }
    let listed = folder.path().join("list");
    std::fs::write(&listed, list).expect("a temporary folder takes files");
    let mut zstd = Command::new("zstd");
    zstd.args(["-q", "-f", "--train"]).arg(format!("--filelist={}", listed.display()));
    zstd.arg(format!("--maxdict={DICTIONARY_BYTES}")).arg(format!("--dictID={ID}")).arg("-o").arg(dictionary);
    let status = zstd.status().expect("zstd is installed");
    assert!(status.success(), "zstd --train: {status}");
}

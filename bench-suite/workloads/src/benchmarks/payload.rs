//! Payloads: each codec and compressor on a small, a median and a large step.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use memory::buffers::{self, Buffer};
use memory::{Codec, Compression, Counters, Encoding, Step};

use worker::Prepared;

use crate::benchmark::Setup;
use crate::input::Input;

macro_rules! sizes {
    ($($(#[doc = $about:literal])+ $name:ident: $kind:ident($place:expr);)+) => {
        $(
            $(#[doc = $about])+
            pub fn $name(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
                $kind(setup, $place)
            }
        )+
    };
}

const SMALL: f64 = 0.10;
const MEDIAN: f64 = 0.50;
const LARGE: f64 = 0.99;

sizes! {
    /// The operation of `codec/encode/small`.
    encode_small: encode(SMALL);
    /// The operation of `codec/encode/median`.
    encode_median: encode(MEDIAN);
    /// The operation of `codec/encode/large`.
    encode_large: encode(LARGE);
    /// The operation of `codec/decode/small`.
    decode_small: decode(SMALL);
    /// The operation of `codec/decode/median`.
    decode_median: decode(MEDIAN);
    /// The operation of `codec/decode/large`.
    decode_large: decode(LARGE);
    /// The operation of `compression/compress/small`.
    compress_small: compress(SMALL);
    /// The operation of `compression/compress/median`.
    compress_median: compress(MEDIAN);
    /// The operation of `compression/compress/large`.
    compress_large: compress(LARGE);
    /// The operation of `compression/decompress/small`.
    decompress_small: decompress(SMALL);
    /// The operation of `compression/decompress/median`.
    decompress_median: decompress(MEDIAN);
    /// The operation of `compression/decompress/large`.
    decompress_large: decompress(LARGE);
}

/// The step at a quantile of the steps' sizes in JSON.
fn step_at(input: &Input, quantile: f64) -> Result<Step> {
    let mut steps = Vec::new();
    for (number, step) in (0..).zip(input.scripts.iter().flat_map(|script| &script.steps)) {
        let step = Step::new(number, u64::from(number) * 1_000_000, step.clone());
        let mut bytes = Vec::new();
        Codec::Json.encode(&step, &mut bytes)?;
        steps.push((bytes.len(), step));
    }
    steps.sort_by_key(|(bytes, step)| (*bytes, step.number));
    let place = ((steps.len() - 1) as f64 * quantile).round() as usize;
    Ok(steps.swap_remove(place).1)
}

struct Payload {
    encoding: Encoding,
    work: Work,
    step: Step,
    raw: Vec<u8>,
    packed: Vec<u8>,
    out: Vec<u8>,
    encoded: Option<Buffer>,
    decoded: Option<Step>,
    runs: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Encode,
    Decode,
    Compress,
    Decompress,
}

fn encode(setup: &Setup<'_>, quantile: f64) -> Result<Box<dyn Prepared>> {
    payload(setup, quantile, Work::Encode)
}

fn decode(setup: &Setup<'_>, quantile: f64) -> Result<Box<dyn Prepared>> {
    payload(setup, quantile, Work::Decode)
}

fn compress(setup: &Setup<'_>, quantile: f64) -> Result<Box<dyn Prepared>> {
    payload(setup, quantile, Work::Compress)
}

fn decompress(setup: &Setup<'_>, quantile: f64) -> Result<Box<dyn Prepared>> {
    payload(setup, quantile, Work::Decompress)
}

fn payload(setup: &Setup<'_>, quantile: f64, work: Work) -> Result<Box<dyn Prepared>> {
    let step = step_at(setup.input, quantile)?;
    let compresses = matches!(work, Work::Compress | Work::Decompress);
    let counters = Arc::new(Counters::default());
    let mut encoding = Encoding {
        buffers: buffers::open(setup.variant.buffers, &counters),
        ..Encoding::new(setup.variant.codec, Compression::None, counters)
    };
    let mut raw = Vec::new();
    let mut packed = Vec::new();
    if compresses {
        encoding.compression = setup.variant.compression;
        encoding.codec.encode(&step, &mut raw)?;
        encoding.compression.compress(&raw, &mut packed)?;
    } else {
        packed = encoding.encode(&step)?.to_vec();
    }
    let out = Vec::with_capacity(2 * packed.len().max(raw.len()) + 1024);
    Ok(Box::new(Payload { encoding, work, step, raw, packed, out, encoded: None, decoded: None, runs: 0 }))
}

fn with_dictionary(encoding: &Encoding) -> u64 {
    u64::from(encoding.compression == Compression::ZstdDictionary)
}

impl Prepared for Payload {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            match self.work {
                Work::Encode => self.encoded = Some(self.encoding.encode(black_box(&self.step))?),
                Work::Decode => self.decoded = Some(self.encoding.decode(black_box(&self.packed))?),
                Work::Compress => {
                    self.out.clear();
                    self.encoding.compression.compress(black_box(&self.raw), &mut self.out)?;
                }
                Work::Decompress => {
                    self.out.clear();
                    let packed = black_box(&self.packed);
                    self.encoding.compression.decompress(packed, self.raw.len(), &mut self.out)?;
                }
            }
        }
        self.runs += operations;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if self.runs == 0 {
            return Ok(());
        }
        match self.work {
            Work::Encode => {
                let encoded = self.encoded.as_ref().context("nothing was encoded")?;
                ensure!(self.encoding.decode::<Step>(encoded)? == self.step, "the encoded step is another one")
            }
            Work::Decode => ensure!(self.decoded.as_ref() == Some(&self.step), "the decoded step is another one"),
            Work::Compress => {
                let mut back = Vec::new();
                self.encoding.compression.decompress(&self.out, self.raw.len(), &mut back)?;
                ensure!(back == self.raw, "the decompressed bytes differ from the input");
                ensure!(self.out != self.raw, "the compressor copied its input");
                let counters = &self.encoding.counters;
                counters.values_compressed.add(self.runs);
                counters.dictionary_compressed.add(self.runs * with_dictionary(&self.encoding));
                counters.compressed_bytes_before.add(self.runs * self.raw.len() as u64);
                counters.compressed_bytes_after.add(self.runs * self.out.len() as u64);
            }
            Work::Decompress => {
                ensure!(self.out == self.raw, "the decompressed bytes differ from the input");
                ensure!(self.packed != self.raw, "the compressor copied its input");
                self.encoding.counters.values_compressed.increment();
                self.encoding.counters.dictionary_compressed.add(with_dictionary(&self.encoding));
                self.encoding.counters.values_decompressed.add(self.runs);
            }
        }
        self.runs = 0;
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.encoding.counters.snapshot()
    }
}

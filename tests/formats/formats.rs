//! Every stored type comes back to the bit from every serde format: JSON as serde_json reads it without
//! special features, CBOR, MessagePack compact and with names, postcard. Bytes with a checksum, where
//! a bit was flipped or the end is missing, and models with a number that is none are errors.

#![allow(clippy::unwrap_used)]

mod values;

use std::fmt::Debug;

use personas::stored::{from_bytes, to_bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;
use values::Visit;

/// Writes and reads a value in each format. Equal values may differ in bits (0 and −0), but not in what
/// postcard writes of them.
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let what = std::any::type_name::<T>();
    let bits = postcard::to_stdvec(value).unwrap();
    let check = |format: &str, back: Result<T, String>| {
        let back = back.unwrap_or_else(|error| panic!("{what} through {format}: {error}"));
        assert!(back == *value, "{what} through {format}: {back:?} is not {value:?}");
        assert!(postcard::to_stdvec(&back).unwrap() == bits, "{what} through {format}: other bits");
    };
    check("postcard", postcard::from_bytes(&bits).map_err(|e| e.to_string()));
    let json = serde_json::to_vec(value).unwrap();
    check("JSON", serde_json::from_slice(&json).map_err(|e| e.to_string()));
    let mut cbor = Vec::new();
    ciborium::into_writer(value, &mut cbor).unwrap();
    check("CBOR", ciborium::from_reader(&cbor[..]).map_err(|e| e.to_string()));
    let compact = rmp_serde::to_vec(value).unwrap();
    check("MessagePack", rmp_serde::from_slice(&compact).map_err(|e| e.to_string()));
    let named = rmp_serde::to_vec_named(value).unwrap();
    check("MessagePack with names", rmp_serde::from_slice(&named).map_err(|e| e.to_string()));
}

struct EveryFormat;

impl Visit for EveryFormat {
    fn value<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(&mut self, value: T) {
        survives(&value);
    }
}

#[test]
fn every_stored_type_comes_back_to_the_bit_from_every_format() {
    values::each(25, &mut EveryFormat).unwrap();
}

/// Flips and cuts the bytes of [`to_bytes`]; all of them if there are few.
struct EveryFlip;

impl Visit for EveryFlip {
    fn value<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(&mut self, value: T) {
        let what = std::any::type_name::<T>();
        let mut bytes = to_bytes(&value).unwrap();
        assert!(from_bytes::<T>(&bytes).unwrap() == value, "{what}");
        let step = (bytes.len() * bytes.len() / 2_000_000).max(1);
        for bit in (0..8 * bytes.len()).step_by(step) {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(from_bytes::<T>(&bytes).is_err(), "{what}: bit {bit} flipped");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in (0..bytes.len()).step_by(step) {
            assert!(from_bytes::<T>(&bytes[..len]).is_err(), "{what}: cut at {len}");
        }
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_of_the_bytes_of_a_value_is_an_error() {
    values::each(1, &mut EveryFlip).unwrap();
}

/// Replaces float number `at` of a value by NaN; `n` counts them.
fn poison(value: &mut ciborium::Value, n: &mut usize, at: usize) {
    match value {
        ciborium::Value::Float(number) => {
            if *n == at {
                *number = f64::NAN;
            }
            *n += 1;
        }
        ciborium::Value::Array(items) => items.iter_mut().for_each(|item| poison(item, n, at)),
        ciborium::Value::Map(items) => items.iter_mut().for_each(|(_, item)| poison(item, n, at)),
        _ => {}
    }
}

/// Reads models of which one number is NaN.
struct EveryNan;

impl Visit for EveryNan {
    fn value<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(&mut self, value: T) {
        let stored = ciborium::Value::serialized(&value).unwrap();
        let mut n = 0;
        poison(&mut stored.clone(), &mut n, usize::MAX);
        for at in 0..n {
            let mut broken = stored.clone();
            poison(&mut broken, &mut 0, at);
            let what = std::any::type_name::<T>();
            assert!(broken.deserialized::<T>().is_err(), "{what}: NaN for number {at} of {n}");
        }
    }
}

#[test]
fn a_model_or_table_with_nan_for_any_of_its_numbers_is_refused() {
    values::models(1, &mut EveryNan).unwrap();
    values::people(1, &mut EveryNan).unwrap();
}

/// The point of this package: where another one turns `float_roundtrip` on, the test above shows little.
#[test]
fn the_reader_of_json_here_is_one_that_reads_plain_numbers_wrong() {
    let numbers = (1..1000u64).map(|i| (i as f64).sqrt());
    let read = |x: f64| serde_json::from_str::<f64>(&serde_json::to_string(&x).unwrap()).unwrap();
    let wrong = numbers.filter(|&x| read(x) != x).count();
    assert!(
        wrong > 0,
        "float_roundtrip is on; run this package alone: cargo test -p personas-formats"
    );
}

#[test]
fn a_number_that_people_write_is_read_and_kept_as_a_number() {
    let feature = r#"{"name":"visits","measure":"count","within_days":7}"#;
    let feature: personas::features::Feature = serde_json::from_str(feature).unwrap();
    assert!(serde_json::to_string(&feature).unwrap().contains(r#""within_days":7.0"#));
}

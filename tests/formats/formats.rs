//! Every stored type comes back to the bit from every serde format: JSON as serde_json reads it without
//! special features, CBOR, MessagePack compact and with names, postcard.

#![allow(clippy::unwrap_used)]

mod values;

use std::fmt::Debug;

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
    fn value<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, value: T) {
        survives(&value);
    }
}

#[test]
fn every_stored_type_comes_back_to_the_bit_from_every_format() {
    values::each(25, &mut EveryFormat).unwrap();
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

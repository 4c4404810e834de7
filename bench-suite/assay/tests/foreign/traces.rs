//! Traces of real caches: columns are read by their names, and never guessed.

use crate::inputs::{Ended, Inputs};

fn hits(file: &str, bytes: impl AsRef<[u8]>, more: &[&str]) -> Ended {
    let inputs = Inputs::new();
    inputs.write(file, bytes);
    inputs.assay(&[&["hits", "--trace", file, "--policy", "lru", "--capacity", "10"][..], more].concat())
}

/// The share of hits.
fn share(ended: &Ended) -> &str {
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    ended.stdout.lines().last().and_then(|row| row.split_whitespace().nth(1)).unwrap_or_default()
}

const IBM: &str = "0,1,901,8371\n103,1,902,31\n159,1,903,3668\n315,1,904,15572\n418,1,901,62099\n";

#[test]
fn the_columns_of_a_header_are_read_by_their_names() {
    let cloud = "version,time,op,size,lbn\n1,5633898,28,512,42932745\n1,5633898,28,512,42932746\n";
    assert_eq!(share(&hits("cloud.csv", cloud, &[])), "0.00%");
    assert_eq!(share(&hits("cloud.csv", cloud.replace(",28,", ",2a,"), &[])), "0.00%");
    let comment = format!("# timestamp (ms), op, object id, size\n{IBM}");
    assert_eq!(share(&hits("ibm.csv", comment, &[])), "20.00%");
}

#[test]
fn columns_without_names_are_not_guessed() {
    hits("ibm.csv", IBM, &[]).refused(1, "ibm.csv:1: columns without names (4 in a line): name the");
    hits("alpha.csv", "0,1,A,8371\n", &[]).refused(1, "name the columns, as in `--columns time,op,id,size`");
    assert_eq!(share(&hits("ibm.csv", IBM, &["--columns", "time_ms,op,id,size"])), "20.00%");
    assert_eq!(share(&hits("ids.txt", "7\n8\n7\n", &["--columns", "id"])), "33.33%");
    hits("ids.txt", "7\n", &[]).refused(1, "columns without names (1 in a line)");
    hits("odd.csv", "a,b,c\n0,1,2\n", &[])
        .refused(1, "odd.csv:1: the header is `a,b,c`: no column is called `id`: name the columns");
    let unknown = hits("ibm.csv", IBM, &["--columns", "time,op"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("no column is called `id`"), "{}", unknown.stderr);
    hits("x.lis", "1 1 0 0\n", &["--columns", "time,id"]).refused(1, "which has no --columns");
}

#[test]
fn traces_are_read_in_the_encodings_that_people_have() {
    for text in [
        "\ntime,id,size\n0,a,1\n1,b,1\n2,a,1\n",
        "\u{feff}time,id,size\n0,a,1\n1,b,1\n2,a,1\n",
        "\u{feff}0,a,1\n1,b,1\n2,a,1\n",
        "# made by x\ntime,id,size\n0,a,1\n1,b,1\n2,a,1\n",
        "time,id,size\r\n0,a,1\r\n1,b,1\r\n2,a,1\r\n",
        "0\ta\t1\n1\tb\t1\n2\ta\t1\n",
        "0;a;1\n1;b;1\n2;a;1\n",
        "0,\"a,b\",1\n1,\"c\",1\n2,\"a,b\",1\n",
        "0,a,1.0\n1,b,1.0\n2,a,1.0\n",
        "time_ms,id,size\n1700000000000,a,1\n1700000000001,b,1\n1700000000002,a,1\n",
        "1700000000.1234567,a,1\n1700000000.1234568,b,1\n1700000000.1234569,a,1\n",
    ] {
        assert_eq!(share(&hits("x.csv", text, &[])), "33.33%", "{text}");
    }
    assert_eq!(share(&hits("x.lis", "\u{feff}1 2 0 0\r\n1 1 0 1\r\n", &[])), "33.33%");
    assert_eq!(share(&hits("x.csv", "0,7,1\n1,007,1\n2,+7,1\n", &[])), "0.00%");
}

#[test]
fn what_can_not_be_read_is_named() {
    hits("x.csv", "1700000000000,a,1\n", &[]).refused(1, "name its unit, as in `--columns time_ms,id,size`");
    hits("x.csv", b"0,caf\xe9,1\n", &[]).refused(1, "x.csv:1: not UTF-8 text");
    hits("x.CSV.zst", b"\x28\xb5\x2f\xfd\0\0", &[])
        .refused(1, "x.CSV.zst is compressed with zstd: run `zstd -d` before");
    hits("x.csv", b"\xff\xfe0\0", &[]).refused(1, "x.csv is UTF-16 text: run `iconv");
    for empty in ["", "time,id,size\n"] {
        hits("x.csv", empty, &[]).refused(4, "has no accesses: give another trace");
    }
}

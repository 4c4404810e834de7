//! Trajectories that Python wrote, with what JSON does not allow.

use crate::inputs::{Ended, Inputs};

fn import(observation: &str, more: &str) -> Ended {
    let inputs = Inputs::new();
    let step =
        format!(r#"{{"action":"ls","observation":{observation},"response":"r","thought":"t","state":"{{}}"{more}}}"#);
    inputs.write("x.traj", format!("{{\"environment\":\"main\",\"trajectory\":[{step}],\"info\":{{}}}}"));
    inputs.assay(&["corpus", "import", "x.traj", "--output", "x.jsonl"])
}

#[test]
fn what_python_reads_is_imported_and_what_was_replaced_is_said() {
    for (observation, more, note) in [
        (r#""bad \udcff byte""#, "", "note: x.traj: 1 lone surrogate read as U+FFFD\n"),
        (r#""x""#, r#","execution_time":NaN"#, "note: x.traj: 1 NaN or infinity read as null\n"),
        (r#""x""#, r#","execution_time":Infinity"#, "note: x.traj: 1 NaN or infinity read as null\n"),
        (r#""nul \u0000 \u001b[31m""#, "", ""),
    ] {
        let ended = import(observation, more);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, note), "{observation}{more}");
        assert_eq!(ended.stdout, "x.jsonl: 1 episodes, 1 steps, 0 files skipped\n");
    }
}

#[test]
fn what_can_not_be_read_is_named_once() {
    for (observation, more, fault) in [
        ("\"a\nb\"", "", "line 2 column 0: control character"),
        (r#""x""#, r#","execution_time":-1e-09"#, "trajectory[0].execution_time: expected seconds, found -0.000000001"),
        (r#""x""#, r#","execution_time":"0.3""#, "trajectory[0].execution_time: expected a number of seconds"),
    ] {
        let ended = import(observation, more);
        ended.refused(1, &format!("error: x.traj: {fault}"));
        assert_eq!(ended.stderr.matches("x.traj").count(), 1, "{}", ended.stderr);
    }
}

#[test]
fn a_file_with_a_byte_order_mark_is_imported_and_utf_16_is_named() {
    let inputs = Inputs::new();
    let text = r#"{"trajectory":[{"action":"ls","observation":"x"}]}"#;
    inputs.write("bom.traj", format!("\u{feff}{text}"));
    inputs.assay(&["corpus", "import", "bom.traj"]).printed(0, &["1 episodes"]);
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    inputs.write("utf16.traj", utf16);
    inputs.assay(&["corpus", "import", "utf16.traj"]).refused(1, "utf16.traj: byte 0: UTF-16 text: run `iconv");
}

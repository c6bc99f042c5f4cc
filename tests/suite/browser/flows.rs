//! What the flows take: one line each in `target/flows.json`. The seconds are those of a driver that never thinks; no test hangs on them.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::{Value, json};

/// Tests run side by side, and each adds its line.
static FILE: Mutex<()> = Mutex::new(());

/// A flow was walked, with so many presses of a key or of the mouse.
pub(crate) fn took(flow: &str, presses: usize, with: &str, began: Instant) {
    let seconds = (began.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    println!("{flow}: {presses} {with}, {seconds} seconds");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/flows.json");
    let _lock = FILE.lock().unwrap();
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let mut flows: Vec<Value> = serde_json::from_str(&known).unwrap_or_default();
    flows.retain(|known| known["flow"] != flow);
    flows.push(json!({ "flow": flow, (with): presses, "seconds": seconds }));
    flows.sort_by_key(|known| known["flow"].to_string());
    let lines: Vec<String> = flows.iter().map(Value::to_string).collect();
    std::fs::write(&file, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}

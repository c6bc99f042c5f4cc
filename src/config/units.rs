//! Numbers that somebody wrote with a unit, where the key itself says which one it counts.

/// What a key counts, by how its name ends, and how many of the smallest unit that is.
const COUNTED: [(&str, &str, u64); 6] = [
    ("_seconds", "seconds", 1),
    ("_minutes", "minutes", 60),
    ("_hours", "hours", 3_600),
    ("_days", "days", 86_400),
    ("_bytes", "bytes", 1),
    ("_mib", "MiB", 1 << 20),
];

/// Units of time, in seconds.
const TIMES: [(&[&str], u64); 4] = [
    (&["s", "sec", "second", "seconds"], 1),
    (&["m", "min", "minute", "minutes"], 60),
    (&["h", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
];

/// Units of size, in bytes.
const SIZES: [(&[&str], u64); 5] = [
    (&["b", "byte", "bytes"], 1),
    (&["k", "kb", "kib"], 1 << 10),
    (&["m", "mb", "mib"], 1 << 20),
    (&["g", "gb", "gib"], 1 << 30),
    (&["t", "tb", "tib"], 1 << 40),
];

/// To be put behind "expected integer": what the key counts, and the number that was most likely meant.
pub(super) fn hint(key: &str, text: &str) -> Option<String> {
    let (suffix, counted, one) = COUNTED.into_iter().find(|(suffix, ..)| key.ends_with(suffix))?;
    let units = if ["_bytes", "_mib"].contains(&suffix) { &SIZES[..] } else { &TIMES[..] };
    let meant = read(text, units).filter(|smallest| smallest % one == 0).map(|smallest| smallest / one);
    let example = meant.map_or(String::new(), |number| format!(": {number}"));
    Some(format!("; it counts {counted}, without a unit{example}"))
}

fn read(text: &str, units: &[(&[&str], u64)]) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (number, unit) = (number.parse::<u64>().ok()?, unit.trim().to_ascii_lowercase());
    let (_, one) = units.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
    number.checked_mul(*one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_told_where_it_can_be() {
        let told = |key, text| hint(key, text).unwrap_or_default();
        assert_eq!(told("pull.interval_seconds", "5m"), "; it counts seconds, without a unit: 300");
        assert_eq!(told("storage.reserve_bytes", "2 GiB"), "; it counts bytes, without a unit: 2147483648");
        assert_eq!(told("session.hours", "2h"), "");
        assert_eq!(told("parcels.upload_hours", "90m"), "; it counts hours, without a unit");
        assert_eq!(told("parcels.upload_hours", "3d"), "; it counts hours, without a unit: 72");
        assert_eq!(told("pull.interval_seconds", "soon"), "; it counts seconds, without a unit");
    }
}

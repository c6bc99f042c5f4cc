//! Where a figure is going: its slope over the last hours, which single jumps do not bend.

use jiff::{SignedDuration, Timestamp};

/// With fewer points nothing is said.
const FEWEST: usize = 5;
/// Of more points only every so many is looked at, so that there are at most about 2,000 pairs.
const MOST: usize = 64;
/// Points that lie closer together say more of noise than of a trend.
const SHORTEST: SignedDuration = SignedDuration::from_mins(5);

/// A figure at a moment.
pub type Point = (Timestamp, f64);

/// By how much the figure changes in a second: the median of the slopes between all pairs of points (Theil and Sen), so that up to
/// a quarter of the points may be off. None while there is too little to tell.
pub fn slope(points: &[Point]) -> Option<f64> {
    let few: Vec<Point> = points.iter().step_by(points.len().div_ceil(MOST).max(1)).copied().collect();
    let (first, last) = (few.iter().map(|point| point.0).min()?, few.iter().map(|point| point.0).max()?);
    if few.len() < FEWEST || last.duration_since(first) < SHORTEST {
        return None;
    }
    let pairs = few.iter().enumerate().flat_map(|(place, one)| few[..place].iter().map(move |other| (one, other)));
    let mut slopes: Vec<f64> = pairs
        .filter(|(one, other)| one.0 != other.0)
        .map(|(one, other)| (one.1 - other.1) / one.0.duration_since(other.0).as_secs_f64())
        .collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied()
}

/// How long it takes at that slope until `left` is used up: zero when it is, none when it does not fall.
pub fn used_up_after(left: f64, slope: Option<f64>) -> Option<SignedDuration> {
    if left <= 0.0 {
        return Some(SignedDuration::ZERO);
    }
    let seconds = left / -slope.filter(|slope| *slope < 0.0)?;
    SignedDuration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn a_jump_does_not_bend_it() {
        let falls = |minute: i32| 1e9 - 6e6 * f64::from(minute);
        let mut points: Vec<Point> = (0..360).map(|minute| (at(minute.into()), falls(minute))).collect();
        // Somebody laid down a large file for an hour and took it away.
        points[100..160].iter_mut().for_each(|point| point.1 -= 5e8);
        let slope = slope(&points).unwrap();
        assert!((slope + 1e5).abs() < 1e4, "{slope}");
        assert_eq!(used_up_after(3.6e9, Some(-1e5)), Some(SignedDuration::from_hours(10)));
    }

    #[test]
    fn what_does_not_fall_is_never_used_up_and_too_little_says_nothing() {
        let still: Vec<Point> = (0..100).map(|minute| (at(minute), 5.0)).collect();
        assert_eq!(slope(&still), Some(0.0));
        assert_eq!(used_up_after(1.0, Some(0.0)), None);
        assert_eq!(used_up_after(1.0, Some(1e-300)), None);
        assert_eq!(used_up_after(1e300, Some(-1e-300)), None);
        assert_eq!(used_up_after(0.0, None), Some(SignedDuration::ZERO));
        assert_eq!(slope(&still[..4]), None);
        let same = [(at(0), 1.0); 9];
        assert_eq!(slope(&same), None);
        assert_eq!(slope(&[]), None);
    }
}

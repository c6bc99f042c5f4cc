//! A file such as an office sends, with people who do not exist.

use std::fmt::Write;

/// Name of the sample.
pub(super) const NAME: &str = "算定基礎届_見本.csv";

/// Name of what the union answers.
pub(super) const ANSWER_NAME: &str = "標準報酬決定通知書_見本.txt";
/// What the union answers.
pub(super) const ANSWER: &str =
    "標準報酬決定通知書（見本）\r\n\r\n見本事業所 御中\r\n\r\n届出のとおり決定しましたので通知します。\r\n";

const FAMILY: [(&str, &str); 6] = [
    ("見本", "ミホン"),
    ("架空", "カクウ"),
    ("試験", "シケン"),
    ("仮名", "カメイ"),
    ("例示", "レイジ"),
    ("練習", "レンシュウ"),
];
const GIVEN: [(&str, &str); 4] = [("太郎", "タロウ"), ("花子", "ハナコ"), ("一郎", "イチロウ"), ("幸子", "サチコ")];

/// 算定基礎届: the wages of April to June and the standard remuneration that follows, one line a person. With the byte order
/// mark that Excel needs, and its line ends.
pub(super) fn csv() -> String {
    let mut text =
        String::from("\u{FEFF}被保険者番号,氏名,フリガナ,生年月日,４月報酬,５月報酬,６月報酬,平均額,標準報酬月額\r\n");
    let people = FAMILY.iter().flat_map(|family| GIVEN.iter().map(move |given| (family, given)));
    for (number, ((family, family_kana), (given, given_kana))) in (1_u32..).zip(people) {
        let april = 180_000 + number * 7_350;
        let wages = [april, april + 4_200, april + 1_500];
        let average = wages.iter().sum::<u32>() / 3;
        let born = 1_965 + number;
        let [april, may, june] = wages;
        // The standard remuneration of the sample is rounded to its class of 20,000 yen.
        let standard = (average + 10_000) / 20_000 * 20_000;
        let month = number % 12 + 1;
        write!(
            text,
            "{number:05},{family}　{given},{family_kana}　{given_kana},{born}-{month:02}-15,\
             {april},{may},{june},{average},{standard}\r\n"
        )
        .expect("a string takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_has_all_columns() {
        let text = super::csv();
        assert_eq!(text.lines().count(), 25);
        assert!(text.lines().all(|line| line.split(',').count() == 9), "{text}");
        assert!(super::NAME.parse::<crate::domain::file_name::FileName>().is_ok());
    }
}

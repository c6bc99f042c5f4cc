//! `kx-sandbox`.

fn main() {}

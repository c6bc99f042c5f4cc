//! `kx-employer`.

fn main() {}

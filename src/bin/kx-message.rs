//! `kx-message`.

fn main() {}

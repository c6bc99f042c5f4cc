//! `kx-server`.

fn main() {}

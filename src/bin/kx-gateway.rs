//! `kx-gateway`.

fn main() {}

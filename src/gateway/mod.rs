//! The gateway: what runs in the union's own network.

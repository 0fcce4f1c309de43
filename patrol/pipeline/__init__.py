"""What runs, named in -ing. Each part is owned by one task and hands on through a bounded buffer."""

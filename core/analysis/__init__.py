"""What a mix does to stored samples, without training: replay, pre-flight, scoring, export."""

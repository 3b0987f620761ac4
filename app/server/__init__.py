"""What surrounds the pages: allowed hosts, bounded request bodies, failures with an id."""

"""The parts of the page that shows a report to a person."""

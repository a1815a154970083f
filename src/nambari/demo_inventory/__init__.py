"""Numbers shipped with the product: live for the demo, fiction for test mode; made by devtools/numbers.py."""

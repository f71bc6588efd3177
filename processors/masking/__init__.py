"""processors/masking"""

"""processors/policy"""

"""processors/verification"""

"""streams/clients"""

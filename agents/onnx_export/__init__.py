"""Agents and Note RNNs as ONNX files, for applications without Python."""

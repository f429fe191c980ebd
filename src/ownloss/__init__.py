"""Write your own PyTorch loss, and prove that its gradient is right."""
